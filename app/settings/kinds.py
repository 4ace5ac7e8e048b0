"""The kinds of values, as pydantic types, each with the faults that it finds and their fixes.

No message repeats a value, since it may be a secret in the wrong place.
"""

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.settings.duration import parse_duration
from app.settings.nearest import nearest
from app.settings.secret import Secret
from app.webhooks import DIALECTS

UNREADABLE = "Correct the path or its rights."

_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PLACEHOLDER = re.compile(r"\$\{?YOUR_|^\s*(?:\$\{\w+\}|\{\{.*\}\})\s*$", re.DOTALL)


def refused(problem: str, fix: str) -> PydanticCustomError:
    """The error that becomes a fault with this problem and this fix."""
    return PydanticCustomError("refused", "refused", {"problem": problem, "fix": fix})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise refused("must be a text", "Put it in quotes.")
    if _PLACEHOLDER.search(value):
        raise refused("still contains a placeholder", "Put the real value in its place, or remove the line.")
    if "\x00" in value:
        raise refused("contains a NUL character", "Remove it.")
    return value.strip()


def _text_that(check: Callable[[str], Any]) -> BeforeValidator:
    """Read a text, and pass it to `check`, which returns the value or raises `refused`."""
    return BeforeValidator(lambda value: check(_text(value)))


def one_of(names: Collection[str]) -> BeforeValidator:
    """Read one of these names."""

    def check(value: str) -> str:
        if value not in names:
            raise refused("is not a known choice", f"Write one of {', '.join(names)}.")
        return value

    return _text_that(check)


def _duration(value: str) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise refused(str(error), 'Write a number with its unit, as "59s", "1m30s" or "500ms".') from error


def _url(*schemes: str) -> Callable[[str], str]:
    forms = " or ".join(f"{scheme}://…" for scheme in schemes)

    def check(value: str) -> str:
        if value and not _is_url(value, schemes):
            raise refused("is not a usable URL", f"Write it as {forms}.")
        return value

    return check


def _is_url(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and port != 0 and bool(parts.hostname or parts.path.strip("/") or parts.query)


def _plain_url(*schemes: str) -> Callable[[str], str]:
    """A URL that people see: without user, query and fragment; the final slash is removed."""

    def check(value: str) -> str:
        parts = urlsplit(_url(*schemes)(value))
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise refused("contains more than an address", "Leave out user, password, query and fragment.")
        return value.rstrip("/")

    return check


def _postgres(value: str) -> Secret:
    _url("postgresql", "postgres")(value)
    mode = re.search(r"[?&]sslmode=([^&#]*)", value)
    if mode and mode[1] not in _SSLMODES:
        raise refused("has an unknown sslmode", f"Use one of {', '.join(_SSLMODES)}.")
    return Secret(value)


def _user_and_password(value: str) -> Secret:
    if value and not value.partition(":")[1]:
        raise refused("is not of the form user:password", "Write user name and password with a colon between.")
    return Secret(value)


def _namespace(value: str) -> str:
    if value == "*":
        raise refused("cannot be every namespace", "Name one.")
    return value


def _job_name(value: str) -> str:
    """A job, or a namespace and a job; a job's name may contain slashes, a namespace's may not."""
    namespace, slash, job = value.partition("/")
    if slash and (namespace in ("", "*") or not job):
        raise refused("does not name one job", 'Write it as "job" or "namespace/job".')
    return value


def _file(value: str) -> Path | None:
    if not value:
        return None
    path = Path(value)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise refused(f"names a file that cannot be read ({error.strerror})", UNREADABLE) from error


def _certificates(value: str) -> Path | None:
    path = _file(value)
    if path and b"-----BEGIN" not in path.read_bytes():
        raise refused("names a file that contains no PEM", "Name a file with certificates or a key as PEM.")
    return path


def _folder(value: str) -> Path | None:
    if value and not Path(value).is_dir():
        raise refused("names no folder", "Name a folder with certificates as PEM.")
    return Path(value) if value else None


def split_names(text: str) -> list[str]:
    """Names with commas or spaces between them, split as the Go service does."""
    return text.replace(",", " ").split()


def sender_kinds(written: str) -> str:
    """The fix for a missing or unknown kind of sender: the known kinds, and the one nearest to `written`."""
    listed = " or ".join(f"'{kind}'" for kind in DIALECTS)
    near = nearest(written, DIALECTS)
    return f"Write {listed}." + (f" Did you mean `{near}`?" if near else "")


def _sender(value: object) -> str:
    if isinstance(value, str) and value in DIALECTS:
        return value
    raise refused("is not a known choice", sender_kinds(value if isinstance(value, str) else ""))


def _names(value: object) -> object:
    return split_names(value) if isinstance(value, str) else value


def _count(value: object) -> object:
    if isinstance(value, bool):
        raise refused("must be a whole number", "Write it without quotes.")
    return value


Text = Annotated[str, BeforeValidator(_text)]
Names = Annotated[list[Text], BeforeValidator(_names)]
Duration = Annotated[float, _text_that(_duration)]
SomeTime = Annotated[float | None, _text_that(_duration)]
Count = Annotated[int, BeforeValidator(_count), Field(ge=1, le=2**31)]
Limit = Annotated[int, BeforeValidator(_count), Field(ge=0, le=2**31)]
SenderKind = Annotated[str | None, BeforeValidator(_sender)]
JobName = Annotated[str | None, _text_that(_job_name)]
Namespace = Annotated[str, _text_that(_namespace)]
ExternalUrl = Annotated[str, _text_that(_plain_url("http", "https"))]
NomadUrl = Annotated[str, _text_that(_plain_url("http", "https", "unix"))]
SecretText = Annotated[Secret, _text_that(Secret)]
SecretUrl = Annotated[Secret, _text_that(lambda value: Secret(_url("http", "https")(value)))]
PostgresUrl = Annotated[Secret, _text_that(_postgres)]
RedisUrl = Annotated[Secret, _text_that(lambda value: Secret(_url("redis", "rediss", "unix")(value)))]
UserAndPassword = Annotated[Secret, _text_that(_user_and_password)]
File = Annotated[Path | None, _text_that(_file)]
Certificates = Annotated[Path | None, _text_that(_certificates)]
Folder = Annotated[Path | None, _text_that(_folder)]
