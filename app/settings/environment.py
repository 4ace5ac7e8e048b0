"""Merge the environment into the file's tables. Other modules check the values.

An empty variable counts as not set. Our own REGISTRYWATCHER_… form wins over the usual name (DATABASE_URL, …). A table
may be written as a JSON object, a list as JSON or with commas.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.settings.document import NAMED_TABLES
from app.settings.faults import FaultList, Place
from app.settings.kinds import UNREADABLE, split_names
from app.settings.variables import PREFIX, USUAL_NAMES, Meaning, Vocabulary, is_ours

_WATCHED = "watched_repositories"
_TABLES = frozenset({*NAMED_TABLES, "nomad"})


def has_settings(environ: Mapping[str, str]) -> bool:
    """Whether the environment has settings in our own form, so that no file is needed."""
    return any(value and is_ours(name) for name, value in environ.items())


def merge_environment(
    tables: dict[str, Any], environ: Mapping[str, str], faults: FaultList
) -> Mapping[Path, bytes | None]:
    """Write the environment's settings into `tables`, and the variable of each into `faults.variables`.

    Returns the files that `…_FILE` variables name, with their content; None for one that cannot be read.
    """
    files: dict[Path, bytes | None] = {}
    vocabulary = Vocabulary(tables, _watched(tables, environ))
    usual = [form for name in USUAL_NAMES for form in (name, f"{name}_FILE") if vocabulary.meaning(form)]
    own = sorted(filter(is_ours, environ), key=lambda name: (name.count("__"), name))  # whole tables before their keys
    for names in (dict.fromkeys(usual), own):
        variables: dict[Place, str] = {}
        for name, meaning in _understood((name for name in names if environ.get(name)), vocabulary, faults):
            if meaning.place in variables:
                faults.add_variable(name, f"sets the same as {variables[meaning.place]}", "Set only one of the two.")
                continue
            variables[meaning.place] = name
            faults.variables[meaning.place] = name
            if meaning.from_file:
                path = Path(environ[name])
                files[path] = _put_file(tables, meaning.place, path, faults)
            else:
                _put(tables, meaning.place, environ[name], faults)
    return files


def _understood(names: Iterable[str], vocabulary: Vocabulary, faults: FaultList) -> Iterable[tuple[str, Meaning]]:
    for name in names:
        meaning = vocabulary.meaning(name)
        if meaning:
            yield name, meaning
        else:
            suggestion = vocabulary.suggestion(name)
            fix = f"Did you mean {suggestion}?" if suggestion else "Remove it; config/sample.toml lists every key."
            faults.add_variable(name, "no setting has this name", fix)


def _watched(tables: Mapping[str, Any], environ: Mapping[str, str]) -> list[str]:
    given = environ.get(f"{PREFIX}{_WATCHED.upper()}")
    listed = _list(given) if given else tables.get(_WATCHED)
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _list(text: str) -> list[Any]:
    """A JSON array, or names with commas or spaces between them."""
    given = _json(text)
    return given if isinstance(given, list) else split_names(text)


def _json(text: str) -> Any:
    """The JSON value of the text; None for invalid JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _put(tables: dict[str, Any], place: Place, value: str, faults: FaultList) -> None:
    if place[0] in _TABLES and len(place) == 1:
        _put_table(tables, place[0], value, faults)
    else:
        _set(tables, place, _list(value) if place == (_WATCHED,) else value)


def _put_file(tables: dict[str, Any], place: Place, path: Path, faults: FaultList) -> bytes | None:
    """Set the key to the file's content, and return that; None for a file that cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        faults.add(place, f"names a file that cannot be read ({error.strerror})", UNREADABLE)
        return None
    try:
        _set(tables, place, content.decode().replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))
    except UnicodeDecodeError:
        faults.add(place, "names a file that is not UTF-8", "It must contain the secret as text.")
    return content


def _put_table(tables: dict[str, Any], name: str, value: str, faults: FaultList) -> None:
    given = _json(value)
    if not isinstance(given, dict):
        faults.add((name,), "is not a JSON object", "Write the table as a JSON object, or set its keys one by one.")
        return
    variable = faults.variables.pop((name,))
    faults.variables.update({(name, inner): variable for inner in given})
    written = tables.get(name)
    tables[name] = {**written, **given} if isinstance(written, dict) else given


def _set(tables: dict[str, Any], place: Place, value: object) -> None:
    """Set the key. If the file has no table on the way to it, do nothing: that gets a fault of its own."""
    for part in place[:-1]:
        inner = tables.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        tables = inner
    tables[place[-1]] = value
