"""All mutants of a file, in the order of its lines."""

import ast
import difflib
import re
from collections.abc import Iterator

from tests.mutants import operators, sql
from tests.mutants.edits import Mutant, Source, flat

_SKIPPED = (ast.Import, ast.ImportFrom, ast.JoinedStr)
_NOT_BEHAVIOUR = {"decorator_list", "annotation", "returns"}
_WORD = re.compile(r"[\w.$]+|\S")


def mutants(source: Source) -> list[Mutant]:
    """Each edit once, those that leave the syntax tree as it was left out."""
    found: list[Mutant] = []
    seen = {ast.dump(source.tree)}
    names: set[str] = set()
    for statement in source.tree.body:
        where = _name(statement)
        if where is None:
            continue
        for (start, end, text), lines in _walk(source, statement, None, frozenset()):
            before = source.text.encode()[start:end].decode()
            mutant = Mutant(
                file=source.file,
                where=where,
                start=start,
                end=end,
                text=text,
                change=_change(before, text),
                line=source.line(start),
                lines=lines,
            )
            try:
                tree = ast.dump(ast.parse(mutant.applied(source)))
            except SyntaxError:
                continue
            if tree not in seen:
                seen.add(tree)
                found.append(_numbered(mutant, names))
    return sorted(found, key=lambda each: (each.start, each.end, each.text))


def _numbered(mutant: Mutant, names: set[str]) -> Mutant:
    """The same change at a second place has a name of its own."""
    base, number = mutant.change, 1
    while mutant.name in names:
        number += 1
        mutant = Mutant(**{**{slot: getattr(mutant, slot) for slot in Mutant.__slots__}, "change": f"{base} #{number}"})
    names.add(mutant.name)
    return mutant


def _name(statement: ast.stmt) -> str | None:
    """The name that the statement binds; None for one that is not mutated."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name
        case ast.Assign(targets=[ast.Name(id=name)]) if name not in ("__all__", "log"):
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) if statement.value is not None:
            return name
    return None


def _walk(
    source: Source, node: ast.AST, parent: ast.AST | None, lines: frozenset[int]
) -> Iterator[tuple[operators.Edit, frozenset[int]]]:
    if isinstance(node, ast.stmt):
        lines = _lines(node)
        if operators.is_log(node):
            return
    if isinstance(node, (ast.Constant, ast.JoinedStr)) and not isinstance(parent, ast.Expr):
        segment = source.of(node) if "adapters/postgres" in source.file else ""
        if (isinstance(node, ast.JoinedStr) or isinstance(node.value, str)) and sql.is_sql(segment):
            for edit in sql.edits(segment, source.span(node)[0]):
                yield edit, lines
            return
    if isinstance(node, _SKIPPED):
        return
    if isinstance(parent, ast.ClassDef) and isinstance(node, ast.Assign):
        return  # the words of an enumeration: the database, the API and the documents have them too
    for edit in operators.edits(source, node, parent):
        yield edit, lines
    for field, value in ast.iter_fields(node):
        if field in _NOT_BEHAVIOUR or (isinstance(node, ast.Subscript) and field == "slice" and _is_type(node)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(source, child, node, lines)


def _is_type(node: ast.Subscript) -> bool:
    return isinstance(node.value, ast.Name) and (node.value.id[0].isupper() or node.value.id in ("dict", "list"))


def _lines(node: ast.stmt) -> frozenset[int]:
    """The lines of a simple statement, or of the head of one that has others below it."""
    last = node.end_lineno or node.lineno
    body = getattr(node, "body", None)
    if body:
        last = max(node.lineno, body[0].lineno - 1)
    return frozenset(range(node.lineno, last + 1))


def _change(before: str, after: str) -> str:
    """The words that the edit removes and adds, with a word beside them if it only adds."""
    old, new = _WORD.findall(_plain(before)), _WORD.findall(_plain(after))
    if sorted(old) == sorted(new):
        differing = [number for number, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
        moved = slice(differing[0], differing[-1] + 1) if differing else slice(0, 0)
        return f"{' '.join(old[moved])} → {' '.join(new[moved])}"
    parts = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "delete":
            parts.append(f"without {' '.join(old[start:end])}")
        elif kind == "insert":
            beside = old[start - 1 : start]
            parts.append(f"{' '.join(beside)} → {' '.join([*beside, *new[new_start:new_end]])}")
        elif kind == "replace":
            parts.append(f"{' '.join(old[start:end])} → {' '.join(new[new_start:new_end])}")
    return flat("; ".join(part if len(part) < 160 else part[:80] + " … " + part[-70:] for part in parts))


def _plain(text: str) -> str:
    """An expression without the brackets that it does not need; any other text as it is."""
    try:
        return ast.unparse(ast.parse(text, mode="eval"))
    except SyntaxError:
        return text
