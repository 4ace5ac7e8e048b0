"""Reads a rule change from a request's body. Strict, since a misread one would deploy. Each error names its fix."""

import json
from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request

from app.errors import Rejected
from app.web.http.bodies import read_body

MAX_BODY = 64 * 1024

_EXAMPLE = 'send {"pinned_tag": "v1.2.0"} or {"auto_deploy": true} or both'
_KEYS = ("pinned_tag", "auto_deploy", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """The parts of a rule that a request sets; None where the body has no such key. `reason` is "" without one."""

    pinned_tag: str | None
    auto_deploy: bool | None
    reason: str = ""


async def read_rule_change(request: Request) -> RuleChange:
    """The rule change in the body; Rejected with 400, 413 (over the limit), or 408 (did not arrive in time)."""
    return parse_rule_change(await read_body(request, limit=MAX_BODY, what="Error: the body", fix=_EXAMPLE))


def parse_rule_change(body: bytes) -> RuleChange:
    """The rule change in `body`; Rejected (400) unless it is an object with one or both parts, correctly typed."""
    content = load(body, example=_EXAMPLE)
    if not isinstance(content, dict):
        raise Rejected(f"Error: the body is {kind_of(content)}, not an object: {_EXAMPLE}")
    unknown = [key for key in content if key not in _KEYS]
    if unknown:
        raise Rejected(f"Error: unknown key {unknown[0][:80]!r}: {_EXAMPLE}")
    if not content.keys() - {"reason"}:
        raise Rejected(f"Either pinned_tag or auto_deploy must be specified: {_EXAMPLE}")
    pinned_tag, auto_deploy, reason = content.get("pinned_tag"), content.get("auto_deploy"), content.get("reason", "")
    if "pinned_tag" in content and not isinstance(pinned_tag, str):
        raise Rejected(f'Error: pinned_tag is {kind_of(pinned_tag)}: send a string, "" to follow releases')
    if "auto_deploy" in content and not isinstance(auto_deploy, bool):
        raise Rejected(f"Error: auto_deploy is {kind_of(auto_deploy)}: send true or false, without quotes")
    if not isinstance(reason, str):
        raise Rejected(f"Error: reason is {kind_of(reason)}: send a string, or leave it out")
    return RuleChange(pinned_tag=pinned_tag, auto_deploy=auto_deploy, reason=reason)


def load(body: bytes, *, example: str) -> object:
    """The JSON in `body`; Rejected (400) with the example if it is empty, is no JSON, or has a key twice."""
    if not body.strip():
        raise Rejected(f"Error: the body is empty: {example}")
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"Error: the body is not JSON ({str(error)[:100]}): {example}") from error


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Rejected(f"Error: the key {twice[:80]!r} stands twice: send it once")
    return content


def kind_of(value: object) -> str:
    """What kind of JSON value it is, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names[type(value)]
