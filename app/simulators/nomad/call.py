"""A request and its answer, as values between agent.py and the endpoints. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.simulators.nomad.refusal import Json, Refused

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
TRUE = ("1", "t", "T", "true", "TRUE", "True")


@dataclass(frozen=True, slots=True, kw_only=True)
class NomadCall:
    """One request, decoded as far as every endpoint needs it. `subject` is the id in the path."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    subject: str = ""

    @property
    def namespace(self) -> str:
        return self.query.get("namespace") or "default"

    @property
    def token(self) -> str:
        bearer = self.headers.get("authorization", "")
        return self.headers.get("x-nomad-token") or bearer.removeprefix("Bearer ")

    def flag(self, name: str) -> bool:
        return self.query.get(name) in TRUE

    def json(self) -> Json:
        """The decoded body. Refused 400 with the text of Go's decoder if it is not a JSON object."""
        if not self.body:
            raise Refused(400, "Request body is empty")
        try:
            decoded = orjson.loads(self.body)
        except orjson.JSONDecodeError as broken:
            cut_short = broken.pos >= len(broken.doc)
            raise Refused(400, "unexpected EOF" if cut_short else str(broken)) from None
        if not isinstance(decoded, dict):
            raise Refused(400, "json: cannot unmarshal value into Go value of type api.JobRegisterRequest")
        return decoded

    def waits(self) -> tuple[int, float]:
        """(index, seconds) of a blocking query. The index is 0 for an ordinary read. Refused 400 for bad parameters."""
        index = self.query.get("index", "0")
        if not index.isdigit():
            raise Refused(400, "Invalid index")
        seconds = 300.0
        if wait := self.query.get("wait"):
            parts = DURATION.findall(wait)
            if not parts or "".join(number + unit for number, unit in parts) != wait:
                raise Refused(400, "Invalid wait time")
            seconds = min(sum(float(number) * UNIT[unit] for number, unit in parts), 300.0)
        if not self.query.get("per_page", "0").isdigit():
            raise Refused(400, "Expect a number for `per_page` query string parameter")
        return int(index), seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class NomadAnswer:
    """JSON, or bytes, with status 200. `index` becomes X-Nomad-Index; `read` adds the headers that only reads have."""

    body: Any
    index: int | None = None
    read: bool = True
    version: object = None
    """Changes with the rows that a blocking query reads, if these are fewer than the table of `index`."""
    next_token: str = ""
