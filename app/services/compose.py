"""Turn what a row tells into a notice for people: the mark of its kind, what comes next, and where to look further.

Pure. It must not know how a product marks up text, nor whether anybody listens.
"""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from app.domain.notice import Link, Notice, NoticeKind

MAX_WATCH_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where our own page and Nomad's are reached by people, without a final slash; "" leaves the links out."""

    page: str
    nomad: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was written down to be told, in the words of whoever knew."""

    notice_id: int
    kind: NoticeKind
    headline: str
    detail: str = ""
    watch_names: tuple[str, ...] = ()
    rollout_id: UUID | None = None
    job_id: str = ""
    namespace: str = ""


MARKS = {
    NoticeKind.AUTO_DEPLOY_TOGGLED: "🔀",
    NoticeKind.DIGEST_CHANGED: "🔄",
    NoticeKind.DEPLOYING: "🚀",
    NoticeKind.SUCCEEDED: "✅",
    NoticeKind.FAILED: "❌",
    NoticeKind.SUPERSEDED: "⏭️",
    NoticeKind.AWAITS_PROMOTION: "🐤",
    NoticeKind.HELD: "✋",
    NoticeKind.TROUBLE: "⚠️",
    NoticeKind.ENDED: "⏹️",
}

WHAT_NEXT = {
    NoticeKind.FAILED: "It is not tried again until a person releases or deploys it, or something newer appears.",
    NoticeKind.SUPERSEDED: "Something newer took its place.",
    NoticeKind.HELD: "It waits for a person.",
    NoticeKind.TROUBLE: "It is tried again by itself.",
}


def compose(told: Told, addresses: Addresses) -> Notice:
    """The notice for `told`, with links to our page and to Nomad's where their addresses are known."""
    return Notice(
        notice_id=str(told.notice_id),
        kind=told.kind,
        headline=f"{MARKS[told.kind]} {told.headline}",
        detail="\n".join(part for part in (told.detail, WHAT_NEXT.get(told.kind, "")) if part),
        links=(*_page_links(told, addresses.page), *_nomad_links(told, addresses.nomad)),
    )


def _page_links(told: Told, page: str) -> tuple[Link, ...]:
    if not page:
        return ()
    if told.rollout_id is not None:
        return (Link(label="Rollout", url=f"{page}/rollouts/{told.rollout_id}"),)
    return tuple(Link(label=name, url=f"{page}/#{quote(name, safe='')}") for name in told.watch_names[:MAX_WATCH_LINKS])


def _nomad_links(told: Told, nomad: str) -> tuple[Link, ...]:
    if not nomad or not told.job_id:
        return ()
    job = quote(told.job_id, safe="")
    return (Link(label="Nomad", url=f"{nomad}/ui/jobs/{job}@{quote(told.namespace or 'default', safe='')}"),)
