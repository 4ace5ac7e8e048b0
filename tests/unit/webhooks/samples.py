"""What each sender really sends, from tests/fixtures/webhooks: bodies, heads, what they mean, and what proves a sender.

A sender's folder has its bodies (`NAME.json`), the head of each (`NAME.headers.json`), EXPECTED.json (body to what it
tells, row by row) and PROOFS.json (cases of authentication). All readers give nothing for what is not there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.webhooks.head import Head

SAMPLES = Path(__file__).parents[2] / "fixtures" / "webhooks"
EXPECTED, PROOFS = "EXPECTED.json", "PROOFS.json"
_HEAD = ".headers.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One case of authentication: `sample` with some of its headers changed, and whether it proves its sender."""

    case: str
    sample: str
    accepted: bool
    secrets: tuple[bytes, ...]
    head: Head
    body: bytes


def bodies(kind: str) -> set[str]:
    """The names of a sender's bodies."""
    names = {path.name for path in (SAMPLES / kind).glob("*") if not path.name.endswith(_HEAD)}
    return names - {EXPECTED, PROOFS}


def expected(kind: str) -> Mapping[str, list[dict[str, Any]]]:
    """Each body's name, and what it tells."""
    found: Mapping[str, list[dict[str, Any]]] = _read(kind, EXPECTED, {})
    return found


def body_of(kind: str, name: str) -> bytes:
    return (SAMPLES / kind / name).read_bytes()


def head_of(kind: str, name: str, changes: Mapping[str, str | None] | None = None, received_at: float = 0.0) -> Head:
    """The head of a body; a change of None removes a header."""
    sent = {key.lower(): value for key, value in _read(kind, Path(name).stem + _HEAD, {}).items()}
    sent |= {key.lower(): value for key, value in (changes or {}).items()}
    pairs = [(key, each) for key, value in sent.items() for each in (value if isinstance(value, list) else [value])]
    fields = tuple((key.encode(), each.encode()) for key, each in pairs if each is not None)
    return Head(fields=fields, received_at=received_at)


def proofs(kind: str) -> list[Proof]:
    """The sender's cases of authentication."""
    return [
        Proof(
            case=each["case"],
            sample=each["sample"],
            accepted=each["accepted"],
            secrets=tuple(secret.encode() for secret in each["secrets"]),
            head=head_of(kind, each["sample"], each.get("headers"), each.get("received_at", 0.0)),
            body=body_of(kind, each["sample"]),
        )
        for each in _read(kind, PROOFS, [])
    ]


def _read(kind: str, name: str, otherwise: Any) -> Any:
    file = SAMPLES / kind / name
    return json.loads(file.read_bytes()) if file.exists() else otherwise
