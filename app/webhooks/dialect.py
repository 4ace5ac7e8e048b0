"""What one kind of sender needs from us: how it proves who it is, what its bodies say, and what to paste into it.

Everything in a dialect is pure and never waits. If a proof needs something from the network, as the OIDC tokens of
Google's Pub/Sub need Google's keys (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions), an adapter
fetches it before and hands it over in the Head, like the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.event import Parsed
from app.webhooks.head import Head
from app.webhooks.setup import Block, Hook

Parser = Callable[[Mapping[str, str], bytes], Parsed]
"""Headers and body to events. Never raises: a part that it does not understand becomes an Oddity, and the good events
of the same body still count. Called only after the delivery was authenticated; a replay hands over `kept_headers`."""

Authenticator = Callable[[Head, bytes, Sequence[bytes]], bool]
"""Head, body and the valid secrets, at least one and none empty, to whether the sender knows one of them. Never raises,
compares in constant time, and does not tell which part was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One kind of sender; `kind` is its name in the configuration.

    `signs_body` is whether the proof covers the body. If it does not, `authenticate` gets an empty body, and the body
    of a stranger is not read. `challenge` is the WWW-Authenticate header of a refusal, and `fix` tells a person how to
    send the secret. `kept_headers` are those that `parse` needs for a replay: never credentials or signatures.
    """

    kind: str
    parse: Parser
    authenticate: Authenticator
    setup: Callable[[Hook], tuple[Block, ...]]
    signs_body: bool
    challenge: str
    fix: str
    kept_headers: tuple[str, ...] = ()

    def accepts(self, headers: Head, body: bytes, secrets: Sequence[bytes]) -> bool:
        """Whether the sender knows one of `secrets`, which are valid at once; nobody does where none is configured."""
        configured = [secret for secret in secrets if secret]
        return bool(configured) and self.authenticate(headers, body, configured)
