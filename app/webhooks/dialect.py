"""One kind of sender as a value: how it authenticates, how its bodies are parsed, and how to set it up.

A dialect is pure and never waits. If authentication needs the network, as the OIDC tokens of Google's Pub/Sub need
Google's keys (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions), an adapter fetches those first
and passes them in the Head, like the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.event import Parsed, bounded
from app.webhooks.head import Head
from app.webhooks.setup import Block, Hook

Parser = Callable[[Mapping[str, str], bytes], Parsed]
"""Headers and body to events. Never raises: a part that it cannot parse becomes an Oddity, and the sound events of the
same body still count. Called only after authentication; a replay passes `kept_headers`."""

Authenticator = Callable[[Head, bytes, Sequence[bytes]], bool]
"""Head, body and the valid secrets, at least one and none empty, to whether the sender knows one of them. It never
raises, compares in constant time, and does not reveal which part was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One kind of sender; `kind` is its name in the configuration.

    `signs_body` is whether authentication covers the body. If not, `authenticate` gets an empty body, and the body of a
    sender that fails it is not read. `challenge` is the WWW-Authenticate header of a refusal; `fix` says how to send
    the secret. `kept_headers` are those that `parse` needs for a replay, never credentials or signatures.
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
        """Whether the sender knows one of `secrets`, which are all valid; never without a configured one."""
        configured = [secret for secret in secrets if secret]
        return bool(configured) and self.authenticate(headers, body, configured)

    def read(self, headers: Mapping[str, str], body: bytes) -> Parsed:
        """The parsed body, with no more events than can be stored at once. Never raises."""
        return bounded(self.parse(headers, body))
