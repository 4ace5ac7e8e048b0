"""Reading what a page's form sends. Strict, since a misread form deploys; each fault names its mend."""

from collections.abc import Mapping
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request

from app.errors import Rejected
from app.web.wishes import read_body

_AGAIN = "reload the page and try again"


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of an urlencoded form, each once; Rejected (400, 408, 413, 415) for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Rejected(f"this takes a form (application/x-www-form-urlencoded): {_AGAIN}, or use the API", status=415)
    try:
        pairs = parse_qsl(
            (await read_body(request)).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50
        )
    except ValueError as error:
        raise Rejected(f"the form cannot be read ({str(error)[:100]}): {_AGAIN}") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Rejected(f"a field of the form stands twice: {_AGAIN}")
    return fields


def once(fields: Mapping[str, str]) -> UUID:
    """The key that makes a form count once, however often it is sent; Rejected (400) without one."""
    try:
        return UUID(fields.get("once", ""))
    except ValueError:
        raise Rejected(f"the form lacks its key (once): {_AGAIN}") from None
