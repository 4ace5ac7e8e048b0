"""The values of a decision for one watch: its inputs, and Deploy or Hold with the reason. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.history import Desired, History
from app.domain.job import JobState
from app.domain.left_out import TagList
from app.domain.reasons import StandingCommands
from app.domain.rule import Rule
from app.domain.watch import Watch


class HoldReason(StrEnum):
    """Why nothing is deployed. The value is stored and shown; the message beside it has the details."""

    UNUSABLE = "unusable"
    NO_MATCHING_TAG = "no_matching_tag"
    BUSY = "busy"
    FAILED_BEFORE = "failed_before"
    UP_TO_DATE = "up_to_date"
    STALLED = "stalled"
    AUTO_DEPLOY_OFF = "auto_deploy_off"
    PAUSED = "paused"
    OBSERVE_ONLY = "observe_only"
    DRIFTED = "drifted"
    ROLLED_BACK = "rolled_back"
    DOWNGRADE = "downgrade"
    NOT_A_RELEASE = "not_a_release"
    FAILED_ELSEWHERE = "failed_elsewhere"
    QUEUED = "queued"

    @property
    def is_specified(self) -> bool:
        """Whether the job specifies the desired image already, so that there is nothing to register."""
        return self in (HoldReason.UP_TO_DATE, HoldReason.STALLED)

    @property
    def needs_person(self) -> bool:
        """Whether the hold waits for a person, who is notified. Other holds end by themselves, or were notified as the
        end of a rollout."""
        return self in (
            HoldReason.UNUSABLE,
            HoldReason.AUTO_DEPLOY_OFF,
            HoldReason.OBSERVE_ONLY,
            HoldReason.DRIFTED,
            HoldReason.DOWNGRADE,
            HoldReason.NOT_A_RELEASE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedDeploy:
    """A request for one watch: deploy `desired`, whatever runs now. Without `forced` (reset), tasks that run it stay.

    `desired` is None if the registry no longer has the tag. `message` says who asked for it. `reverts` deploys exactly
    the digest that ran before, with the image text that `former` has for a task ("group/task"). With `unless_changed`
    (an undo of ours) nothing is deployed if somebody changed the job since.
    """

    desired: Desired | None
    forced: bool = True
    message: str = ""
    reverts: bool = False
    former: Mapping[str, str] = field(default_factory=dict)
    unless_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All inputs of one decision. `busy` says what is under way on the job, "" if nothing is.

    `rolled_back` is whether a person rolled back and nothing newer has appeared since. `heed_elsewhere` is whether an
    image that failed on another job is held here too. `queue_reason` says why a rollout must wait for a slot, "" if it
    need not; `no_room` why Nomad's plan has no place for a digest that had none before, "" if it has. `listed` is the
    registry's list of tags; it counts for messages only, and so does `commands`: who paused, pinned, switched off or
    rolled back, since when and why.
    """

    watch: Watch
    rule: Rule
    auto_deploy: bool
    paused: bool
    job: JobState | None
    desired: Desired | None
    history: History
    busy: str = ""
    requested: RequestedDeploy | None = None
    rolled_back: bool = False
    heed_elsewhere: bool = False
    queue_reason: str = ""
    no_room: str = ""
    listed: TagList = field(default_factory=TagList)
    commands: StandingCommands = field(default_factory=StandingCommands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing is deployed. `tag` and `digest` are the desired ones, "" if there are none."""

    reason: HoldReason
    message: str
    tag: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Change every selected task to this tag and digest. A task that runs a child of the index needs no change.

    `by_digest` writes the digest whatever the watch's `deploy_by` is, because the tag may have another digest by now.
    `former` has image texts by "group/task" that mean this image; they are written unchanged. `digest_changed` is
    whether all tasks already run this tag, with another digest.
    """

    tag: str
    digest: str
    message: str
    children: frozenset[str] = frozenset()
    by_digest: bool = False
    former: Mapping[str, str] = field(default_factory=dict)
    digest_changed: bool = False


Decision = Deploy | Hold
