"""Read what a registry shows for one watch: its tags, the tag that its rule wants, and the digest behind it.

It decides nothing, and it trusts no event: a tag named by an event is asked for like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.decision import Wanted
from app.domain.event import Action
from app.errors import RepositoryNotFound, TagNotFound
from app.ports import RegistrySource
from app.services.target import EventAnswer, OpenEvent, WatchState

# Distribution tells of a push before it links the tag: look again after these pauses, in seconds.
EVENT_PAUSES = (0.05, 0.2, 1.0, 5.0, 30.0)

_PASSED_OVER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the registry showed: the tags (None when not listed), what is wanted, and each digest asked for."""

    tags: tuple[str, ...] | None
    wanted: Wanted | None
    is_index: bool
    digests: Mapping[str, str]


class Sightseer:
    """Asks one registry about one watch, each tag at most once."""

    def __init__(self, registries: RegistrySource, state: WatchState) -> None:
        self._registries = registries
        self._state = state
        self._watch = state.watch
        self._digests: dict[str, str] = {}
        self._indexes: set[str] = set()

    async def see(self, running_tag: str | None, *, relist: bool) -> Seen:
        """The tags and what the rule wants of them; Transient or RegistryDenied when the registry does not tell."""
        follows = self._state.rule.follows_releases
        tags = await self._list() if follows or relist else None
        wanted = await self._highest(tags or (), running_tag) if follows else await self._pinned()
        return Seen(
            tags=tags,
            wanted=wanted,
            is_index=wanted is not None and wanted.tag in self._indexes,
            digests=dict(self._digests),
        )

    async def _pinned(self) -> Wanted | None:
        tag = self._state.rule.pinned_tag
        digest = await self.digest(tag)
        return Wanted(tag=tag, digest=digest) if digest else None

    async def _highest(self, tags: tuple[str, ...], running_tag: str | None) -> Wanted | None:
        """The highest release that has a manifest: the list may lack a tag that an event names already, or hold one
        that is not linked yet or is gone. Tags without a manifest are passed over, but not without end."""
        pushed = {event.tag for event in self._state.events if event.action is Action.PUSH}
        candidates = {*tags, *pushed}
        for _ in range(_PASSED_OVER):
            tag = self._state.rule.select(candidates, running_tag)
            if tag is None:
                return None
            digest = await self.digest(tag)
            if digest:
                return Wanted(tag=tag, digest=digest)
            candidates.remove(tag)
        return None

    async def digest(self, tag: str) -> str:
        """The digest that the registry shows for `tag` now, "" when it has no such tag."""
        if tag not in self._digests:
            self._digests[tag] = await self._read(tag)
        return self._digests[tag]

    async def children(self, wanted: Wanted) -> Wanted:
        """`wanted` with the digests that it lists, when it is, or may be, an index."""
        listed = await self._registries.children(self._watch.registry, self._watch.repository, wanted.digest)
        return Wanted(tag=wanted.tag, digest=wanted.digest, children=listed)

    async def _list(self) -> tuple[str, ...]:
        try:
            return await self._registries.tags(self._watch.registry, self._watch.repository)
        except RepositoryNotFound:
            return ()

    async def _read(self, tag: str) -> str:
        known = self._state.wanted_digest if tag == self._state.wanted_tag else ""
        try:
            manifest = await self._registries.manifest(
                self._watch.registry, self._watch.repository, tag, known=known or None
            )
        except (TagNotFound, RepositoryNotFound):
            return ""
        if manifest.is_index or not manifest.media_type:
            self._indexes.add(tag)
        return manifest.digest


def answer(event: OpenEvent, seen: Seen, words: str) -> EventAnswer:
    """Whether the look answers the event: its tag shows its digest, or its digest cannot matter to the rule.

    A tag that shows another digest answers nothing: the event comes before the tag, so what is shown may be the push
    before. `words` is the decision.
    """
    shown = seen.digests.get(event.tag)
    if event.action is Action.DELETE or not event.digest or shown is None or shown == event.digest:
        return EventAnswer(event_id=event.event_id, settled=True, words=words)
    if event.attempts >= len(EVENT_PAUSES):
        return EventAnswer(
            event_id=event.event_id, settled=True, words=f"the registry never showed this digest for {event.tag}"
        )
    return EventAnswer(
        event_id=event.event_id, settled=False, words=f"the registry does not show this digest for {event.tag} yet"
    )
