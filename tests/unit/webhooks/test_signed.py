"""A dialect may prove its sender by a signature over the raw body, with two secrets at once, and within a time."""

import pytest

from app.webhooks.head import Head
from tests.unit.webhooks.signed import SIGNED, SIGNED_IN_TIME, TOLERANCE, signature_of

# GitHub's published vector: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
SECRET, BODY = b"It's a Secret to Everybody", b"Hello, World!"
SIGNATURE = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
SENT_AT = 1614265330.0
STANDARD_SECRET, STANDARD_BODY = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
STANDARD = (
    (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
    (b"webhook-timestamp", b"1614265330"),
    (b"webhook-signature", b"v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
)


def head(*values: bytes) -> Head:
    return Head(fields=tuple((b"x-hub-signature-256", value) for value in values), received_at=0.0)


@pytest.mark.parametrize("secrets", [(SECRET,), (SECRET, b"old"), (b"new", SECRET), (b"", SECRET)])
def test_the_signature_of_these_bytes_by_any_of_the_secrets(secrets: tuple[bytes, ...]) -> None:
    assert SIGNED.accepts(head(SIGNATURE), BODY, secrets)


@pytest.mark.parametrize(
    ("sent", "body", "secrets"),
    [
        (SIGNATURE, BODY + b"\n", (SECRET,)),
        (SIGNATURE, b"", (SECRET,)),
        (SIGNATURE, BODY, (b"another",)),
        (SIGNATURE, BODY, ()),
        (signature_of(BODY, b""), BODY, (b"",)),
        (SIGNATURE.upper(), BODY, (SECRET,)),
        (SIGNATURE[:-1], BODY, (SECRET,)),
        (b"", BODY, (SECRET,)),
        (SECRET, BODY, (SECRET,)),
        (b"\xff", BODY, (SECRET,)),
    ],
)
def test_everything_else_is_refused(sent: bytes, body: bytes, secrets: tuple[bytes, ...]) -> None:
    assert not SIGNED.accepts(head(sent), body, secrets)


def test_a_secret_without_a_signature_is_refused() -> None:
    assert not SIGNED.accepts(head(), BODY, (SECRET,))


@pytest.mark.parametrize(
    ("late", "accepted"), [(0.0, True), (TOLERANCE, True), (TOLERANCE + 1, False), (-301.0, False)]
)
def test_a_signature_may_be_valid_for_a_time(late: float, accepted: bool) -> None:
    received = Head(fields=STANDARD, received_at=SENT_AT + late)
    assert SIGNED_IN_TIME.accepts(received, STANDARD_BODY, (STANDARD_SECRET,)) == accepted
    assert not SIGNED_IN_TIME.accepts(received, STANDARD_BODY + b" ", (STANDARD_SECRET,))
