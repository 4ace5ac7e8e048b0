"""The webhooks of CNCF Distribution (2.x, 3.x) and its forks. Must not contact any address in them.

https://distribution.github.io/distribution/about/notifications/ . Known registries send one event per request, the
format allows any number. An empty text counts as absent: 3.x writes `"digest": ""` where 2.x omits the key.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from app.domain.event import EventAction, Oddity, Parsed, PushEvent
from app.domain.reference import Repository, parse_digest, parse_tag
from app.errors import InvalidReference
from app.webhooks.authenticate import is_authentic
from app.webhooks.body import Odd, Record, load, quoted
from app.webhooks.dialect import Dialect
from app.webhooks.head import Head
from app.webhooks.setup import PLACEHOLDER, Block, Hook, our_side

KIND = "distribution"
_CONTENT_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.events.v1+json",
        "application/vnd.docker.distribution.events.v2+json",
        "application/json",
    }
)
_BLOB = "application/octet-stream"
_MAX_TEXT = 255  # of an id or a host: no real one is longer, and an index of Postgres cannot store longer ones
_ODDITIES_SHOWN = 20
_NO_HOST = "localhost"  # for the check of a path that came without a host

_INTO_REGISTRY = "Into the configuration of the registry (CNCF Distribution, registry:2 or 3):"
_NOTIFICATIONS = """\
notifications:
  endpoints:
    - name: registrywatcher
      url: {url}
      headers:
        Authorization: [Bearer {secret}]
      timeout: 3s
      threshold: 5
      backoff: 10s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull, mount]
"""


def parse(headers: Mapping[str, str], body: bytes) -> Parsed:
    """The tags pushed and deleted; every other event is counted in `ignored`. Never raises.

    `headers` have lower-case names, or are case-insensitive.
    """
    oddities = list(_odd_content_type(headers.get("content-type", "")))
    loaded = load(body)
    oddities += loaded.oddities
    events: list[PushEvent] = []
    ignored = 0
    try:
        entries = _entries(loaded.value)
    except Odd as odd:
        entries = []
        oddities.append(odd.at("body"))
    for number, entry in enumerate(entries):
        try:
            event = _event(Record.of(entry))
        except (Odd, InvalidReference) as problem:
            oddities.append(Oddity(where=f"events[{number}]", problem=str(problem)))
            continue
        if event is None:
            ignored += 1
        else:
            events.append(event)
    return Parsed(events=tuple(events), ignored=ignored, oddities=_shortened(oddities))


def authenticate(headers: Head, _body: bytes, secrets: Sequence[bytes]) -> bool:
    """Whether a value of the `Authorization` header is one of the secrets: Distribution signs nothing."""
    return is_authentic(headers.all("authorization"), secrets)


def setup(hook: Hook) -> tuple[Block, ...]:
    """The block for the registry's `notifications`, after one for our own configuration if that has no secret."""
    theirs = Block(title=_INTO_REGISTRY, text=_NOTIFICATIONS.format(url=hook.url, secret=PLACEHOLDER))
    return (*our_side(hook, KIND), theirs)


def _odd_content_type(header: str) -> tuple[Oddity, ...]:
    content_type = header.partition(";")[0].strip().lower()
    if content_type in _CONTENT_TYPES or not content_type:
        return ()
    return (Oddity(where="Content-Type", problem=f"{quoted(content_type)} is not what Distribution sends"),)


def _entries(value: object) -> list[object]:
    """The envelope's events; Go omits the key when there are none."""
    envelope = Record.of(value)
    if envelope and "events" not in envelope.fields:
        raise Odd("has no 'events': is this the webhook of another product?")
    return envelope.list("events")


def _event(entry: Record) -> PushEvent | None:
    """The event, or None for one that concerns no tag. Raises Odd or InvalidReference."""
    action = entry.text("action")
    if not action:
        raise Odd("has no 'action'")
    if action not in (EventAction.PUSH, EventAction.DELETE):
        return None
    target = entry.record("target")
    tag = target.text("tag")
    if not tag or (action == EventAction.PUSH and target.text("mediaType") == _BLOB):
        return None
    host = _host(target.text("url"), entry.record("request").text("host"))
    repository = Repository.of(host or _NO_HOST, target.text("repository"))
    digest = target.text("digest")
    return PushEvent(
        action=EventAction(action),
        host=repository.host if host else None,
        path=repository.path,
        tag=parse_tag(tag),
        digest=parse_digest(digest) if digest else None,
        event_id=_bounded("id", entry.text("id")) or None,
    )


def _host(url: str, request_host: str) -> str:
    """The registry's own name for itself, else `request.host`, the name that the client used."""
    try:
        authority = urlsplit(url).netloc
    except ValueError as error:
        raise Odd(f"target.url: {quoted(url)} is not a URL") from error
    return _bounded("host", authority.rpartition("@")[2] or request_host)


def _bounded(name: str, text: str) -> str:
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise Odd(f"'{name}' {quoted(text)} is longer than {_MAX_TEXT} characters or has control characters")
    return text


def _shortened(oddities: list[Oddity]) -> tuple[Oddity, ...]:
    rest = len(oddities) - _ODDITIES_SHOWN
    if rest <= 0:
        return tuple(oddities)
    more = Oddity(where="body", problem=f"{rest} more oddities are not listed")
    return (*oddities[:_ODDITIES_SHOWN], more)


# No header is kept: the meaning of a body does not depend on its Content-Type.
DIALECT = Dialect(
    kind=KIND,
    parse=parse,
    authenticate=authenticate,
    setup=setup,
    signs_body=False,
    challenge="Bearer",
    fix="send that of [webhooks.NAME] as Authorization: Bearer",
)
