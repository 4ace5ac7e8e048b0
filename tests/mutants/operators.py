"""Small faults planted in Python: what a hand would mistake, one at a time.

Not mutated: log lines, sentences (docs/refusals.md holds them), decorators, annotations, imports.
"""

import ast
from collections.abc import Iterator

from tests.mutants.edits import Source

Edit = tuple[int, int, str]  # first byte, the byte after, replacement

_FLIPPED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.BitOr: "&",
    ast.BitAnd: "|",
}
_OPPOSITE = {"min": "max", "max": "min", "any": "all", "all": "any"}
_FALSY = ("None", "False", '""', "()", "0")  # None instead would be as false
_DELETABLE = (ast.Raise, ast.AugAssign, ast.Continue, ast.Break, ast.Delete)


def is_log(node: ast.AST) -> bool:
    """Whether it is a statement that only writes a log line."""
    call = node.value if isinstance(node, ast.Expr) else None
    called = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
    return called.startswith("log.") or called == "say"


def edits(source: Source, node: ast.AST, parent: ast.AST | None) -> Iterator[Edit]:
    """Each fault to plant at this node alone, not below it."""
    start, end = source.span(node) if hasattr(node, "lineno") else (0, 0)
    match node:
        case ast.Compare():
            yield from _compare(source, node)
        case ast.BoolOp():
            yield from _bool(source, node)
        case ast.UnaryOp(op=ast.Not()):
            yield start, end, f"({source.of(node.operand)})"
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_text(node):
            left, right = source.of(node.left), source.of(node.right)
            yield start, end, f"({left}) {_ARITHMETIC[type(node.op)]} ({right})"
        case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
            yield (*source.span(node.test), f"(not ({source.of(node.test)}))")
        case ast.comprehension():
            for test in node.ifs:
                yield (*source.span(test), "True")
        case ast.Constant():
            yield from _constant(source, node, parent)
        case ast.Return() if node.value is not None and source.of(node.value) not in _FALSY:
            yield start, end, "return None"
        case ast.Expr() if not is_log(node) and not isinstance(node.value, (ast.Constant, ast.Yield)):
            yield start, end, "pass"
        case ast.Assign() if isinstance(node.targets[0], (ast.Attribute, ast.Subscript)):
            yield start, end, "pass"
        case ast.Tuple() | ast.List() if isinstance(node.ctx, ast.Load) and not isinstance(parent, ast.Subscript):
            yield from _elements(source, node, is_ordered=not isinstance(parent, (ast.Compare, ast.ExceptHandler)))
        case ast.Set() | ast.Dict():
            yield from _elements(source, node, is_ordered=False)
        case ast.Call():
            yield from _call(source, node)
        case _ if isinstance(node, _DELETABLE):
            yield start, end, "pass"


def _compare(source: Source, node: ast.Compare) -> Iterator[Edit]:
    operands = [node.left, *node.comparators]
    for number, operator in enumerate(node.ops):
        between = (source.span(operands[number])[1], source.span(operands[number + 1])[0])
        before, after = source.text.encode()[between[0] : between[1]].decode().replace("\n", " "), ""
        opening = before[: len(before) - len(before.lstrip(" )"))]
        after = before[len(before.rstrip(" (")) :]
        for flipped in _FLIPPED[type(operator)]:
            yield (*between, f"{opening} {flipped} {after}")


def _bool(source: Source, node: ast.BoolOp) -> Iterator[Edit]:
    start, end = source.span(node)
    texts = [source.of(value) for value in node.values]
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    yield start, end, "(" + f" {other} ".join(f"({text})" for text in texts) + ")"
    for dropped in range(len(texts)):
        kept = [f"({text})" for number, text in enumerate(texts) if number != dropped]
        yield start, end, "(" + f" {word} ".join(kept) + ")"


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(each, ast.JoinedStr) or (isinstance(each, ast.Constant) and isinstance(each.value, str))
        for each in (node.left, node.right)
    )


def _constant(source: Source, node: ast.Constant, parent: ast.AST | None) -> Iterator[Edit]:
    start, end = source.span(node)
    match node.value:
        case bool():
            yield start, end, str(not node.value)
        case int() | float():
            yield start, end, repr(node.value + 1)
        case str() if " " not in node.value and not isinstance(parent, (ast.Expr, ast.JoinedStr, ast.Subscript)):
            yield start, end, repr("XX" + node.value)


def _elements(source: Source, node: ast.Tuple | ast.List | ast.Set | ast.Dict, *, is_ordered: bool) -> Iterator[Edit]:
    """One element less, or two neighbours in the other order."""
    if isinstance(node, ast.Dict):
        texts = [
            f"{source.of(key)}: {source.of(value)}" if key is not None else f"**{source.of(value)}"
            for key, value in zip(node.keys, node.values, strict=True)
        ]
    else:
        texts = [source.of(each) for each in node.elts]
    if len(texts) < 2:
        return
    brackets = {ast.Tuple: ("(", ")"), ast.List: ("[", "]"), ast.Set: ("{", "}"), ast.Dict: ("{", "}")}
    opening, closing = brackets[type(node)]
    start, end = source.span(node)

    def shown(elements: list[str]) -> Edit:
        return start, end, f"{opening}{', '.join(elements)},{closing}"

    for dropped in range(len(texts)):
        yield shown([text for number, text in enumerate(texts) if number != dropped])
    if is_ordered and not any(isinstance(each, ast.Starred) for each in getattr(node, "elts", ())):
        for first in range(len(texts) - 1):
            yield shown([*texts[:first], texts[first + 1], texts[first], *texts[first + 2 :]])


def _call(source: Source, node: ast.Call) -> Iterator[Edit]:
    if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITE:
        yield (*source.span(node.func), _OPPOSITE[node.func.id])
    start, end = source.span(node)
    texts = [source.of(each) for each in node.args]
    named = [(each.arg, source.of(each)) for each in node.keywords]
    for dropped, (name, _) in enumerate(named):
        if name is not None:
            kept = [*texts, *(text for number, (_, text) in enumerate(named) if number != dropped)]
            yield start, end, f"{source.of(node.func)}({', '.join(kept)})"
