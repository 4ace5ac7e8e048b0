"""Reads the optional reason of a command from a request's body: {"reason": "…"}; no body gives none. Strict."""

from starlette.requests import Request

from app.errors import Rejected
from app.web.api.rule_change import MAX_BODY, kind_of, load
from app.web.http.bodies import read_body

_EXAMPLE = 'send {"reason": "…"}, or no body'


async def read_reason(request: Request) -> str:
    """The reason in the body, "" without one; Rejected with 400, 413 (over the limit), or 408 (not in time)."""
    return parse_reason(await read_body(request, limit=MAX_BODY, what="Error: the body", fix=_EXAMPLE))


def parse_reason(body: bytes) -> str:
    """The reason in `body`; Rejected (400) unless the body is empty, or an object with this key at most."""
    if not body.strip():
        return ""
    content = load(body, example=_EXAMPLE)
    if not isinstance(content, dict):
        raise Rejected(f"Error: the body is {kind_of(content)}, not an object: {_EXAMPLE}")
    unknown = [key for key in content if key != "reason"]
    if unknown:
        raise Rejected(f"Error: unknown key {unknown[0][:80]!r}: {_EXAMPLE}")
    reason = content.get("reason", "")
    if not isinstance(reason, str):
        raise Rejected(f"Error: reason is {kind_of(reason)}: send a string")
    return reason
