"""What happened, in order: registrations by Nomad's ledger, each with the process that made it, and what people did."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from app.simulators.nomad import LedgerEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as a job writes it: the text, its tag and its digest."""

    text: str
    tag: str
    digest: str

    @classmethod
    def of(cls, text: str) -> "Image":
        """Parse `host/path:tag@digest`."""
        name, _, digest = text.partition("@")
        return cls(text=text, tag=name.rpartition(":")[2], digest=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A person's command; `rollout_id` is what the person was answered, None for a switch or a release."""

    tick: int
    job: str
    rollout_id: UUID | None = None
    is_rollback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the process of a registration had read: the digests of tags, as the registry answered, and when it decided.

    `may_deploy` is whether the switches allowed a deploy of the rule when its decision was written.
    """

    rollout_id: UUID
    reads: dict[str, str]
    may_deploy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """An entry of Nomad's ledger. `base` is the index of the job before it, `epoch` counts the restores before it.

    `evidence` is None for a registration that is not ours, or that no process of ours was making.
    """

    tick: int
    epoch: int
    entry: LedgerEntry
    image: Image
    before: Image | None
    base: int
    evidence: Evidence | None

    @property
    def is_ours(self) -> bool:
        """Whether a client of Nomad's API made it."""
        return self.entry.origin == "client"


@dataclass(slots=True)
class Ledger:
    """The test's account of a run; `tick` orders everything in it. `failing` are the digests that never run."""

    failing: frozenset[str] = frozenset()
    tick: int = 0
    epoch: int = 0
    registrations: list[Registration] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    restored_at: int = -1
    on: dict[str, bool] = field(default_factory=dict)
    paused: bool = False
    pinned: dict[str, str] = field(default_factory=dict)
    _index: dict[str, int] = field(default_factory=dict)
    _images: dict[str, Image] = field(default_factory=dict)

    def next(self) -> int:
        """The next tick."""
        self.tick += 1
        return self.tick

    def set_base(self, job: str, index: int, image: str) -> None:
        """The job as it is before the next registration: at the start, and after a restore."""
        self._index[job], self._images[job] = index, Image.of(image)

    def add(self, entry: LedgerEntry, evidence: Evidence | None) -> Registration:
        """Account for a new entry of Nomad's ledger."""
        (text,) = entry.images.values()
        made = Registration(
            tick=self.next(),
            epoch=self.epoch,
            entry=entry,
            image=Image.of(text),
            before=self._images.get(entry.job),
            base=self._index.get(entry.job, 0),
            evidence=evidence,
        )
        self.registrations.append(made)
        self.set_base(entry.job, entry.job_modify_index, text)
        return made

    def had(self, job: str, digest: str) -> bool:
        """Whether the job ever specified this digest."""
        return any(digest in (each.image.digest, each.before and each.before.digest) for each in self.of(job)) or (
            self._images[job].digest == digest
        )

    def of(self, job: str) -> Iterator[Registration]:
        """The registrations of a job by anybody, newest first."""
        return (each for each in reversed(self.registrations) if each.entry.job == job)

    def commanded(self, job: str, rollout_id: UUID) -> bool:
        """Whether a person was given this rollout."""
        return any((each.job, each.rollout_id) == (job, rollout_id) for each in self.commands)

    def last_command(self, job: str, *, rollback: bool = False) -> int:
        """The tick of the job's last command, or of its last rollback; -1 without one."""
        ticks = [each.tick for each in self.commands if each.job == job and (each.is_rollback or not rollback)]
        return max(ticks, default=-1)

    def changed_outside(self, job: str) -> int:
        """The tick of the last change of the image that was not ours, restores included; -1 without one."""
        ticks = [
            each.tick
            for each in self.of(job)
            if not each.is_ours and each.before is not None and each.image.text != each.before.text
        ]
        return max([self.restored_at, *ticks])

    def last_registered(self, job: str) -> int:
        """The tick of our last registration of the job; -1 without one."""
        return next((each.tick for each in self.of(job) if each.is_ours), -1)
