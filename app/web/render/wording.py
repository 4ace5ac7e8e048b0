"""The filters of the templates: values to labels, sentences and tones. Pure; labels.py has the label of each value.

A tone is the name of a colour in the style sheet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from markupsafe import Markup, escape

from app.domain.condition import Condition
from app.domain.timeline import EntryKind
from app.services.views.board import DeliverySummary, TimelineEntry, condition
from app.services.views.queries import TaskView, WatchView
from app.web.render import labels
from app.web.render.nomad_links import allocation_url, job_url

_UNITS = (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86400), ("d", 86400, 60 * 86400))
# Unicode's marks, embeddings, overrides and isolates (UAX 9).
_BIDI = {code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownImage:
    """An image that some tasks run; `where` names these tasks when others run another image."""

    tag: str
    digest: str
    where: str


def status(watch: WatchView) -> str:
    """The state of a watch, in two or three words."""
    found = condition(watch)
    if found is Condition.OUTAGE:
        return labels.CONDITIONS[found]
    if found is Condition.PROMOTION:
        return labels.CONDITIONS[found]
    rollout = watch.rollout
    if rollout is not None and rollout.outcome is None:
        deployment = rollout.deployment
        return f"Deploying {deployment.healthy}/{deployment.desired} healthy" if deployment else "Deploying"
    if watch.decision is None:
        return labels.CONDITIONS[Condition.UNCHECKED]
    return labels.HOLDS[watch.decision.reason] if watch.decision.reason else "Deploying"


def tone(watch: WatchView) -> str:
    """Its tone."""
    return labels.TONES[condition(watch)]


def explanation(watch: WatchView) -> str:
    """Why a watch is in this state, in a sentence."""
    for outage in (watch.registry_outage, watch.job_outage, watch.missing_image):
        if outage is not None:
            return outage.problem
    rollout = watch.rollout
    if rollout is not None and rollout.outcome is None:
        return f"{rollout.what}: {rollout.note}" if rollout.note else rollout.what
    if watch.decision is None:
        return (
            "a worker reads its registry and its job next" if watch.due else "its first check comes with the next poll"
        )
    return watch.decision.message


def without_desired(watch: WatchView) -> str:
    """What stands in place of a desired tag: before the first check it is unknown whether there is one."""
    return "not known yet" if watch.decision is None else "nothing"


def tags_known(watch: WatchView) -> str:
    """How many tags the registry has, if they were ever read."""
    return counted(len(watch.tags), "tag") if watch.tags_read_at is not None else "how many is not known yet"


def changed_at(watch: WatchView) -> datetime | None:
    """When a watch last changed: its decision, or its rollout."""
    times = [watch.decision.first_at] if watch.decision else []
    if watch.rollout is not None:
        times.append(watch.rollout.ended_at or watch.rollout.created_at)
    return max(times, default=None)


def checked_at(watch: WatchView) -> datetime | None:
    """When the registry of a watch was last checked."""
    return watch.decision.last_at if watch.decision else None


def job_read(watch: WatchView, now: datetime) -> Markup | str:
    """How fresh the state of its job is."""
    if watch.follows_job:
        return "job followed"
    return Markup("job read {}").format(ago(watch.job_read_at, now)) if watch.job_read_at else "job not read yet"


def images(tasks: Sequence[TaskView]) -> Sequence[ShownImage]:
    """The running images, each once."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in tasks:
        found.setdefault((each.tag, each.digest), []).append(each.task)
    return [
        ShownImage(tag=tag, digest=digest, where=", ".join(where) if len(found) > 1 else "")
        for (tag, digest), where in found.items()
    ]


def specified_tag(watch: WatchView) -> str:
    """The tag that all tasks run; "" when they differ, or it is unknown."""
    tags = {each.tag for each in watch.specified}
    return tags.pop() if len(tags) == 1 else ""


def entry_title(entry: TimelineEntry) -> str:
    """The title of a timeline entry, in two or three words."""
    if entry.kind is EntryKind.DECISION:
        return labels.HOLDS[entry.reason] if entry.reason else "Deploys"
    if entry.kind is EntryKind.OUTCOME and entry.outcome is not None:
        return labels.OUTCOMES[entry.outcome]
    if entry.kind is EntryKind.COMMAND and entry.action is not None:
        return labels.AUDIT_ACTIONS[entry.action]
    return labels.ENTRIES[entry.kind]


def entry_tone(entry: TimelineEntry) -> str:
    """Its tone."""
    if entry.kind is EntryKind.DECISION and entry.reason is not None:
        return labels.HOLD_TONES[entry.reason]
    if entry.kind is EntryKind.OUTCOME and entry.outcome is not None:
        return labels.OUTCOME_TONES[entry.outcome]
    if entry.kind is EntryKind.DRIFT:
        return labels.TONES[Condition.HELD]
    return "moving" if entry.kind in (EntryKind.ROLLOUT, EntryKind.DECISION) else "quiet"


def delivery_label(delivery: DeliverySummary) -> str:
    """The acceptance of a delivery, as a label."""
    return labels.ACCEPTANCES[delivery.acceptance]


def delivery_tone(delivery: DeliverySummary) -> str:
    """Its tone."""
    return labels.ACCEPTANCE_TONES[delivery.acceptance]


def counted(number: int, one: str, many: str = "") -> str:
    """`1 watch`, `2 watches`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def ago(at: datetime | None, now: datetime, never: str = "some time ago") -> Markup | str:
    """How long ago that was, with the exact time as tooltip. page.js keeps the text up to date."""
    return _time(at, f"{duration(now - at)} ago", "ago") if at is not None else never


def elapsed(at: datetime | None, now: datetime) -> Markup | str:
    """How long it has lasted, to follow the word "for"."""
    return _time(at, duration(now - at), "") if at is not None else "some time"


def duration(time: timedelta) -> str:
    """`12 s`, `3 min`, `5 d`; from 60 days on in months."""
    seconds = max(0, int(time.total_seconds()))
    for unit, length, limit in _UNITS:
        if seconds < limit:
            return f"{seconds // length} {unit}"
    return f"{seconds // (30 * 86400)} months"


def _time(at: datetime, message: str, kind: str) -> Markup:
    exact = at.astimezone(UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    html = '<time datetime="{}" title="{} UTC" data-suffix="{}">{}</time>'
    return Markup(html).format(at.isoformat(), exact, kind, message)


def visible(text: str) -> str:
    """Foreign text with its direction marks made visible, so that `fdp.exe` cannot look like `exe.pdf`."""
    return text.translate(_BIDI)


def bidi(text: str) -> Markup:
    """The same as HTML, isolated so that it cannot change the direction of the text beside it."""
    return Markup("<bdi>{}</bdi>").format(visible(text)) if text else Markup("")


def breakable(text: str) -> Markup:
    """The same for a path, with line breaks allowed after its slashes."""
    return Markup("<bdi>") + escape(visible(text)).replace("/", Markup("/<wbr>")) + Markup("</bdi>")


def digest(text: str) -> str:
    """A digest short enough to compare by eye: the algorithm and the first twelve digits."""
    algorithm, colon, value = text.partition(":")
    return f"{algorithm}{colon}{value[:12]}" if colon else text[:12]


def short(digest: str) -> str:
    """The same without the algorithm, for narrow places."""
    return digest.rpartition(":")[2][:12]


def path(name: str) -> str:
    """A watch's name as part of a URL's path."""
    return quote(name, safe="/")


def slug(name: str) -> str:
    """A watch's name as part of an element's id, unique per name."""
    return "".join(each if each in _SAFE else f".{ord(each):x}." for each in name)


FILTERS: Mapping[str, object] = {
    each.__name__: each
    for each in (
        condition, status, tone, explanation, without_desired, tags_known,
        changed_at, checked_at, job_read, images, specified_tag, entry_title, entry_tone,
        delivery_label, delivery_tone, counted, ago, elapsed, visible, bidi, breakable, digest,
        short, path, slug, job_url, allocation_url,
    )
} | {
    "outcome": labels.progress,
    "tag_outcome": labels.TAG_OUTCOMES.__getitem__,
    "tag_tone": labels.TAG_TONES.__getitem__,
    "outcome_tone": labels.progress_tone,
    "found_by": labels.FOUND_BY.__getitem__,
    "origin": labels.ORIGINS.__getitem__,
}  # fmt: skip
