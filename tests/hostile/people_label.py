"""What must become of a request at a person's door: its status, and whether anything may change."""

from dataclasses import dataclass
from typing import Self

from tests.hostile.door import Headers, Request
from tests.hostile.site import CALLER

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
HTML = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
KEY = b"idempotency_key=00000000-0000-4000-8000-%012d"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCase:
    """A request and its only right status. One that is not 2xx or 3xx changes nothing, and says why."""

    name: str
    request: Request
    status: int

    @property
    def changes_nothing(self) -> bool:
        """Whether it is a command that is refused."""
        return self.status >= 400 and self.request.method == "POST"

    @classmethod
    def post(cls, name: str, target: bytes, body: bytes, status: int, *headers: tuple[bytes, bytes]) -> Self:
        """A post by an admin."""
        return cls(name=name, request=Request(target=target, headers=(CALLER, *headers), body=body), status=status)

    @classmethod
    def get(cls, name: str, target: bytes, status: int, *headers: tuple[bytes, bytes]) -> Self:
        """A read by an admin."""
        return cls(name=name, request=Request(method="GET", target=target, headers=(CALLER, *headers)), status=status)

    @classmethod
    def bare(
        cls, name: str, target: bytes, status: int, headers: Headers, *, method: str = "POST", body: bytes = b""
    ) -> Self:
        """A request with just these headers."""
        return cls(name=name, request=Request(method=method, target=target, headers=headers, body=body), status=status)
