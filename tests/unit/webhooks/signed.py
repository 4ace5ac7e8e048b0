"""Two dialects made for tests: senders that sign the body's bytes, as GitHub and Standard Webhooks do."""

import base64
import hmac
from collections.abc import Mapping, Sequence

from app.domain.event import EventAction, Oddity, Parsed, PushEvent
from app.webhooks.dialect import Authenticator, Dialect
from app.webhooks.head import Head
from app.webhooks.setup import Block, Hook

TOLERANCE = 300.0
EVENT = PushEvent(
    action=EventAction.PUSH, host="registry.example.com:5000", path="team/app", tag="v1", digest=None, event_id=None
)


def signature_of(body: bytes, secret: bytes) -> bytes:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    return b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()


def _is_signed(headers: Head, body: bytes, secrets: Sequence[bytes]) -> bool:
    sent = headers.all("x-hub-signature-256")
    return sum(hmac.compare_digest(each, signature_of(body, secret)) for each in sent for secret in secrets) > 0


def _is_signed_in_time(headers: Head, body: bytes, secrets: Sequence[bytes]) -> bool:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    at = headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdigit() and abs(headers.received_at - float(at[:20])) <= TOLERANCE):
        return False
    content = f"{headers.get('webhook-id', '')}.{at}.".encode("latin-1") + body
    sent = headers.get("webhook-signature", "").encode("latin-1").split()
    keys = [base64.b64decode(secret.removeprefix(b"whsec_")) for secret in secrets]
    signatures = [b"v1," + base64.b64encode(hmac.digest(key, content, "sha256")) for key in keys]
    return sum(hmac.compare_digest(each, signature) for each in sent for signature in signatures) > 0


def _parse(headers: Mapping[str, str], body: bytes) -> Parsed:
    """The same body is a push or something else, as a header says; odd bodies are kept."""
    oddities = (Oddity(where="body", problem="is odd"),) if b"odd" in body else ()
    if headers.get("x-event", "") == "push":
        return Parsed(events=(EVENT,), oddities=oddities)
    return Parsed(ignored=1, oddities=oddities)


def _setup(hook: Hook) -> tuple[Block, ...]:
    return (Block(title="Into the sender:", text=hook.url),)


def _dialect(kind: str, authenticate: Authenticator) -> Dialect:
    return Dialect(
        kind=kind,
        parse=_parse,
        authenticate=authenticate,
        setup=_setup,
        signs_body=True,
        challenge="Signature",
        fix="sign the body with that of [webhooks.NAME]",
        kept_headers=("X-Event",),
    )


SIGNED = _dialect("signed", _is_signed)
SIGNED_IN_TIME = _dialect("signed-in-time", _is_signed_in_time)
