"""Given what a sender really sends, then its dialect accepts it with the right secret alone, and never raises."""

import pytest

from app.webhooks import DIALECTS
from app.webhooks.head import Head
from tests.unit.webhooks.samples import Proof, proofs

ALL = [(kind, proof) for kind in DIALECTS for proof in proofs(kind)]
GOOD = [(kind, proof) for kind, proof in ALL if proof.accepted]
OTHER = b"another-secret"


def accepts(
    kind: str, proof: Proof, *, secrets: tuple[bytes, ...], head: Head | None = None, body: bytes | None = None
) -> bool:
    """As a request would be judged: the body is shown to dialects that sign it."""
    dialect = DIALECTS[kind]
    shown = (proof.body if body is None else body) if dialect.signs_body else b""
    return dialect.accepts(proof.head if head is None else head, shown, secrets)


def named(value: object) -> str | None:
    return value.case if isinstance(value, Proof) else None


@pytest.mark.parametrize(("kind", "proof"), ALL, ids=named)
def test_each_case(kind: str, proof: Proof) -> None:
    assert accepts(kind, proof, secrets=proof.secrets) == proof.accepted


@pytest.mark.parametrize(("kind", "proof"), GOOD, ids=named)
def test_two_secrets_are_valid_at_once(kind: str, proof: Proof) -> None:
    assert accepts(kind, proof, secrets=(OTHER, *proof.secrets))
    assert accepts(kind, proof, secrets=(*proof.secrets, OTHER))


@pytest.mark.parametrize(("kind", "proof"), GOOD, ids=named)
@pytest.mark.parametrize("secrets", [(), (b"",), (b"", b""), (OTHER,)])
def test_a_proof_without_its_secret_is_refused(kind: str, proof: Proof, secrets: tuple[bytes, ...]) -> None:
    assert not accepts(kind, proof, secrets=secrets)


@pytest.mark.parametrize(("kind", "proof"), GOOD, ids=named)
def test_a_secret_without_its_proof_is_refused(kind: str, proof: Proof) -> None:
    assert not accepts(kind, proof, secrets=proof.secrets, head=Head(fields=(), received_at=proof.head.received_at))


@pytest.mark.parametrize(("kind", "proof"), GOOD, ids=named)
def test_a_signature_is_of_these_bytes(kind: str, proof: Proof) -> None:
    changed = accepts(kind, proof, secrets=proof.secrets, body=proof.body + b"\n")
    assert changed != DIALECTS[kind].signs_body


@pytest.mark.parametrize(("kind", "proof"), ALL, ids=named)
@pytest.mark.parametrize(
    "value", [b"", b"\x00", b"\xff\xfe=", b"=", b",", b"v1,", b"Bearer ", b"9" * 5000, b"-1", b"nan"]
)
def test_nothing_in_a_header_raises(kind: str, proof: Proof, value: bytes) -> None:
    for changed, _ in proof.head.fields:
        fields = tuple((name, value if name == changed else sent) for name, sent in proof.head.fields)
        head = Head(fields=(*fields, (changed, value)), received_at=proof.head.received_at)
        assert accepts(kind, proof, secrets=proof.secrets, head=head) in (True, False)
