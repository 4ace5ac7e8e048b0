"""Resolves one watch in its registry: its tags, the tag that its rule desires, and the digest of that tag.

It decides nothing, and it trusts no event: it asks the registry for a tag of an event as for any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from app.domain.answers import Outlook, PushedTag, answer_push
from app.domain.event import EventAction
from app.domain.history import Desired
from app.domain.left_out import TagList
from app.domain.rule import candidates, release
from app.errors import RegistryDenied, RepositoryNotFound, TagNotFound, Transient
from app.ports import RegistrySource
from app.services.reconcile.claim import OpenEvent, WatchState
from app.services.reconcile.result import EventAnswer

# Distribution sends the webhook of a push before it links the tag: check again after these pauses, in seconds.
EVENT_PAUSES = (0.05, 0.2, 1.0, 5.0, 30.0)

_EVENT_AGES = tuple(accumulate(EVENT_PAUSES))
_EARLY = 0.03  # a reconcile may begin this much before its time
_UNLISTED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The registry's answers: its list of tags, the desired image, and each digest that was asked for.

    `unread` are releases that events name and that were not asked for: the list lacks them, and so it does too many.
    """

    listed: TagList
    desired: Desired | None
    digests: Mapping[str, str]
    unread: frozenset[str] = frozenset()

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The tags; None if they were not listed."""
        return self.listed.tags


class Resolver:
    """Asks one registry about one watch, each tag at most once."""

    def __init__(self, registries: RegistrySource, state: WatchState) -> None:
        self._registries = registries
        self._state = state
        self._watch = state.watch
        self._digests: dict[str, str] = {}
        self._indexes: set[str] = set()

    async def resolve(self, specified_tag: str | None, *, relist: bool) -> Resolved:
        """The tags, and the one that the rule desires. Raises Transient or RegistryDenied if the registry does."""
        if self._state.rule.follows_releases:
            return await self._highest(await self._list(), specified_tag)
        desired = await self._pinned()
        listed = await self._list_for_people() if relist else TagList()
        return Resolved(listed=listed, desired=desired, digests=dict(self._digests))

    async def _pinned(self) -> Desired | None:
        tag = self._state.rule.pinned_tag
        digest = await self.digest(tag)
        return Desired(tag=tag, digest=digest) if digest else None

    async def _highest(self, listed: TagList, specified_tag: str | None) -> Resolved:
        """The highest release that has a manifest, among the listed tags and those that events name."""
        tags = frozenset(listed.tags or ())
        named = [tag for tag in self._named_by_events() if tag not in tags]
        unlisted = frozenset(named[:_UNLISTED])
        desired, missing = None, []
        for tag in candidates(self._state.rule, tags, specified_tag, unlisted=unlisted):
            if digest := await self.digest(tag):
                desired = Desired(tag=tag, digest=digest)
                break
            missing.append(tag)
        is_cut = (
            desired is None and self._state.rule.select((tags | unlisted) - set(missing), specified_tag) is not None
        )
        found = replace(listed, without_manifest=tuple(tag for tag in missing if tag in tags), is_cut=is_cut)
        return Resolved(listed=found, desired=desired, digests=dict(self._digests), unread=frozenset(named[_UNLISTED:]))

    def _named_by_events(self) -> list[str]:
        pushed = (each.tag for each in self._state.events if each.action is EventAction.PUSH and release(each.tag))
        return list(dict.fromkeys(pushed))

    async def digest(self, tag: str) -> str:
        """The digest that the registry has for `tag` now, "" if it has no such tag."""
        if tag not in self._digests:
            self._digests[tag] = await self._read(tag)
        return self._digests[tag]

    async def children(self, desired: Desired) -> Desired:
        """`desired` with the digests that it lists, if it is or may be an index."""
        if desired.tag not in self._indexes:
            return desired
        listed = await self._registries.children(self._watch.registry, self._watch.repository, desired.digest)
        return Desired(tag=desired.tag, digest=desired.digest, children=listed)

    async def _list(self) -> TagList:
        try:
            return TagList(tags=await self._registries.tags(self._watch.registry, self._watch.repository))
        except RepositoryNotFound:
            return TagList(tags=(), repository_exists=False)

    async def _list_for_people(self) -> TagList:
        """The tags for a page. A pinned watch needs no list: without one the page shows the tags of the last list."""
        try:
            return await self._list()
        except (Transient, RegistryDenied):
            return TagList()

    async def _read(self, tag: str) -> str:
        known = self._state.desired_digest if tag == self._state.desired_tag else ""
        try:
            manifest = await self._registries.manifest(
                self._watch.registry, self._watch.repository, tag, known=known or None
            )
        except (TagNotFound, RepositoryNotFound):
            return ""
        if manifest.is_index or not manifest.media_type:
            self._indexes.add(tag)
        return manifest.digest


def answer(event: OpenEvent, resolved: Resolved, state: WatchState, found: Outlook) -> EventAnswer:
    """The reconcile's answer to the event; `found` is what it found for the watch."""
    if event.tag in resolved.unread:
        message = (
            f"{event.tag} was not asked for: events name over {_UNLISTED} releases that the registry's list lacks; "
            "it is found as soon as the list has it"
        )
        return EventAnswer(event_id=event.event_id, settled=True, message=message)
    if _is_settled(event, resolved.digests.get(event.tag), state):
        if event.action is EventAction.DELETE:
            return EventAnswer(event_id=event.event_id, settled=True, message=found.decision.message)
        told = answer_push(PushedTag(tag=event.tag), found)
        return EventAnswer(event_id=event.event_id, settled=True, message=told.message, pending=not told.is_final)
    if pause_after(event) is None:
        message = f"the registry never showed this digest for {event.tag}"
        return EventAnswer(event_id=event.event_id, settled=True, message=message)
    message = f"the registry does not show this digest for {event.tag} yet"
    return EventAnswer(event_id=event.event_id, settled=False, message=message)


def _is_settled(event: OpenEvent, shown: str | None, state: WatchState) -> bool:
    """Whether the registry has applied the event: the tag has its digest, the digest of a later push, or a new digest.

    A digest is not new if the tag had it before the event, or if an earlier push set it. `shown` is the tag's digest,
    None for a tag that was not asked for because it cannot matter to the rule.
    """
    if event.action is EventAction.DELETE or not event.digest or shown is None or shown == event.digest:
        return True
    others = [each for each in state.events if each.tag == event.tag and each.event_id != event.event_id]
    if any(each.digest == shown and each.event_id > event.event_id for each in others):
        return True
    before = {event.before, *(each.digest for each in others)}
    if state.desired_tag == event.tag:
        before.add(state.desired_digest)
    return bool(shown and event.before) and shown not in before


def pause_after(event: OpenEvent) -> float | None:
    """The seconds until the next check for an event that has no answer yet; None after its five checks.

    It counts checks and age: extra checks that other events cause do not shorten the wait.
    """
    pauses = [age - event.age for age in _EVENT_AGES if age - event.age > _EARLY][:1]
    if event.attempts < len(EVENT_PAUSES):
        pauses.append(EVENT_PAUSES[event.attempts])
    return min(pauses, default=None)
