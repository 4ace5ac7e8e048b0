"""Plants a mutant in the modules that are imported already, so that a fork of a warm test process can run it at once.

Functions keep their identity and get other code. A constant is made again, with all that is made from it, wherever it
is known. A dataclass gets the defaults of its fields by another `__init__`.
"""

import ast
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from tests.mutants.edits import Mutant, Source, module_name


def plant(source: Source, mutant: Mutant) -> None:
    """Change this process."""
    module = sys.modules[module_name(source.file)]
    tree = ast.parse(mutant.applied(source))
    statement = _statement(tree, mutant.where)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        _rebind(module, tree, mutant.where)
        return
    made: dict[str, object] = {"__name__": module.__name__}
    exec(compile(tree, source.file, "exec", dont_inherit=True), made)
    if isinstance(statement, ast.ClassDef) and in_method(source, mutant) is None:
        vars(module)[mutant.where].__init__ = getattr(made[mutant.where], "__init__")  # noqa: B009
        return
    old, new = dict(_functions(vars(module)[mutant.where])), dict(_functions(made[mutant.where]))
    for name, function in old.items():
        function.__code__ = _same_free(new[name].__code__, function.__code__)
        if _in_signature(source, mutant):
            function.__defaults__, function.__kwdefaults__ = new[name].__defaults__, new[name].__kwdefaults__


def in_method(source: Source, mutant: Mutant) -> ast.stmt | None:
    """The method that the mutant changes; None for one outside of a class or of its methods."""
    statement = _statement(source.tree, mutant.where)
    for each in statement.body if isinstance(statement, ast.ClassDef) else []:
        start, end = source.span(each)
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and start <= mutant.start and mutant.end <= end:
            return each
    return None


def reading(source: Source, name: str) -> Iterator[ast.stmt]:
    """The functions and classes of the file that use the constant, also through another constant."""
    names = {name}
    for statement in source.tree.body:
        if not any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(statement)):
            continue
        if isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement


def _same_free(code: CodeType, old: CodeType) -> CodeType:
    if code.co_freevars != old.co_freevars:
        raise ValueError(f"{old.co_qualname} closes over other names")
    return code


def _statement(tree: ast.Module, name: str) -> ast.stmt:
    for statement in tree.body:
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        if getattr(statement, "name", None) == name or any(getattr(target, "id", None) == name for target in targets):
            return statement
    raise LookupError(name)


def _in_signature(source: Source, mutant: Mutant) -> bool:
    statement = _statement(source.tree, mutant.where)
    function = in_method(source, mutant) if isinstance(statement, ast.ClassDef) else statement
    body: list[ast.stmt] = getattr(function, "body", [])
    return bool(body) and mutant.end <= source.span(body[0])[0]


def _functions(value: object, name: str = "") -> Iterator[tuple[str, FunctionType]]:
    """The functions of a function or class, without what decorators put around them."""
    value = getattr(value, "fget", None) or getattr(value, "__func__", None) or getattr(value, "func", None) or value
    while hasattr(value, "__wrapped__"):
        value = value.__wrapped__
    if isinstance(value, FunctionType):
        yield name, value
    elif isinstance(value, type):
        for key, each in list(vars(value).items()):
            if not isinstance(each, type) and getattr(each, "__module__", value.__module__) == value.__module__:
                yield from _functions(each, f"{name}.{key}")


def _rebind(module: ModuleType, tree: ast.Module, name: str) -> None:
    """Make the constant again, then each later one that is made from it, and change all who imported one."""
    names = {name}
    for statement in tree.body:
        if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        bound = {target.id for target in targets if isinstance(target, ast.Name)}
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if not (bound & names or used & names):
            continue
        before = {each: vars(module)[each] for each in bound}
        code = compile(ast.Module(body=[statement], type_ignores=[]), module.__file__ or "", "exec", dont_inherit=True)
        exec(code, vars(module))
        names |= bound
        for each, old in before.items():
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(each) is old:
                    vars(other)[each] = vars(module)[each]
