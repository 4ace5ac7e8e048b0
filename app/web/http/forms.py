"""Reads an HTML form: small, complete, each field once; and checks redirect paths. Each error names its fix."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from starlette.requests import Request

from app.errors import Rejected
from app.web.http.bodies import read_body

MAX_FORM = 16 * 1024
MAX_FIELDS = 20
MAX_PATH = 2000


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields by name; Rejected with 400, 413, 415 or 408 (did not arrive in time) for an invalid form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Rejected("the body is not a form: send Content-Type: application/x-www-form-urlencoded", status=415)
    return parse_form(await read_body(request, limit=MAX_FORM, what="the form", fix="send less"))


def parse_form(body: bytes) -> Mapping[str, str]:
    """The fields of a body; Rejected (400) when they cannot be read, or one occurs twice."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Rejected(
            "the form cannot be read: reload the page and try again, or send percent-encoded UTF-8 with few fields"
        ) from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Rejected("the form has a field twice: reload the page and try again, or send it once")
    if any("\0" in value for value in fields.values()):
        raise Rejected("the form contains a NUL: send it without")
    return fields


def idempotency_key(fields: Mapping[str, str]) -> UUID:
    """The key that makes a form count once, even if sent twice; Rejected (400) without one."""
    try:
        return UUID(fields.get("idempotency_key", ""))
    except ValueError:
        raise Rejected("the form lacks its idempotency key (idempotency_key): reload the page and try again") from None


def own_path(text: str) -> str:
    """`text` when it is a path of this service, "/" when a browser could read it as another site.

    Browsers read a backslash as a slash, and drop line ends and tabs: `/\\evil.example` is another site.
    """
    strange = "\\" in text or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in text)
    if strange or not text.startswith("/") or text.startswith("//") or len(text) > MAX_PATH:
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else text
