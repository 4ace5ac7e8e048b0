"""The configuration file: its path, and its content as TOML."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli

from app.errors import ConfigError, Fault

VARIABLE = "REGISTRYWATCHER_CONFIG"
PLACES = (Path("config/staging.toml"), Path("/etc/registrywatcher/config.toml"))


def find_file(given: Path | None, environ: Mapping[str, str], places: Iterable[Path] = PLACES) -> Path | None:
    """The file to read: `given`, else $REGISTRYWATCHER_CONFIG, else the first of `places` that exists; else None.

    A named file is returned even if it is missing: reading it gives the fault.
    """
    named = given or (Path(environ[VARIABLE]) if environ.get(VARIABLE) else None)
    return named or next((place for place in places if place.is_file()), None)


def read_file(path: Path) -> bytes:
    """The file's content. Raises ConfigError for an unreadable file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(
            path, "file", f"cannot be read ({error.strerror})", "Correct the path or its rights."
        ) from error


def parse_toml(path: Path, content: bytes) -> dict[str, Any]:
    """The tables of the file's content. Raises ConfigError with line and column for invalid TOML.

    Always by tomli, so that a file has the same meaning under every Python: https://toml.io/en/v1.1.0
    """
    try:
        return tomli.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _unusable(path, f"line {line}", "is not UTF-8", "Save the file as UTF-8.") from None
    except tomli.TOMLDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _unusable(path, place, f"is not TOML ({error.msg})", "Correct the syntax there.") from None
    except (RecursionError, ValueError):  # nesting without end; a number with thousands of digits
        raise _unusable(
            path, "file", "cannot be parsed", "Look for deep nesting or a number of absurd length."
        ) from None


def _unusable(path: Path, key: str, problem: str, fix: str) -> ConfigError:
    return ConfigError((Fault(source=str(path), key=key, problem=problem, fix=fix),))
