"""Finds the SQL that a module sends: the first argument of each call that runs a statement, as text.

An argument may be a text, a constant of the module or of a module that it imports, an entry of a mapping or tuple of
texts, or a parameter or loop variable that gets one of these in the same module. Anything else raises Unseen.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUNS = frozenset({"cursor", "execute", "executemany", "fetch", "fetchrow", "fetchval"})

# A migration is run by migrating.
NO_STATEMENT = frozenset({"migration.sql"})


class Unseen(Exception):
    """A statement that is not known before the program runs: make it a constant, or an entry of a mapping of them."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Statement:
    """A text that is sent to Postgres: in which file, and by which name it is called there."""

    file: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def statements(file: str, source: str, namespace: Mapping[str, Any]) -> Iterator[Statement]:
    """Every statement that the module runs. `namespace` is the module's own, imported. Raises Unseen."""
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and _runs(call) and ast.unparse(call.args[0]) not in NO_STATEMENT:
                    for name, text in _texts(file, call.args[0], function, tree, namespace):
                        yield Statement(file=file, name=name, text=text)


def _runs(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in RUNS and bool(call.args)


def _texts(
    file: str,
    argument: ast.expr,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    tree: ast.Module,
    namespace: Mapping[str, Any],
) -> list[tuple[str, str]]:
    name = ast.unparse(argument)
    if isinstance(argument, ast.Name) and argument.id not in namespace:
        found = [*_looped(argument.id, function), *_passed(argument.id, function, tree)]
        if not found:
            raise Unseen(f"{file}:{argument.lineno}: {name}")
        return [each for value in found for each in _texts(file, value, function, tree, namespace)]
    whole = argument.value if isinstance(argument, ast.Subscript) else argument
    try:
        value = eval(compile(ast.Expression(whole), file, "eval"), dict(namespace))
    except Exception as error:
        raise Unseen(f"{file}:{argument.lineno}: {name}") from error
    if isinstance(value, str):
        return [(name, value)]
    many = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [(f"{ast.unparse(whole)}[{key}]", text) for key, text in many]


def _looped(name: str, function: ast.AST) -> Iterator[ast.expr]:
    """What a loop of the function gives the name."""
    for each in ast.walk(function):
        if isinstance(each, ast.For) and isinstance(each.target, ast.Name) and each.target.id == name:
            yield each.iter


def _passed(name: str, function: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module) -> Iterator[ast.expr]:
    """What the module's calls of the function give the parameter of that name."""
    parameters = [each.arg for each in function.args.args if each.arg != "self"]
    if name not in parameters:
        return
    place = parameters.index(name)
    for caller in ast.walk(tree):
        if isinstance(caller, ast.FunctionDef | ast.AsyncFunctionDef):
            for call in ast.walk(caller):
                if isinstance(call, ast.Call) and _called(call) == function.name:
                    argument = call.args[place]
                    looped = _looped(argument.id, caller) if isinstance(argument, ast.Name) else ()
                    yield from list(looped) or [argument]


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def constants(file: str, namespace: Mapping[str, Any]) -> Iterator[Statement]:
    """The module's own constants that begin as a whole statement does; templates, which have braces, are none."""
    for name, value in namespace.items():
        for number, text in enumerate(value if isinstance(value, tuple) else [value]):
            if isinstance(text, str) and _is_whole(text):
                yield Statement(file=file, name=f"{name}[{number}]" if isinstance(value, tuple) else name, text=text)


def _is_whole(text: str) -> bool:
    message: Sequence[str] = text.split(maxsplit=2)
    return len(message) == 3 and message[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH") and "{" not in text
