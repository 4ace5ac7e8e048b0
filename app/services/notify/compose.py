"""Turn a notification into the message that channels send: with the next step, and links to the details.

Pure. It must not know how a product marks up text, nor which channels exist.
"""

from dataclasses import dataclass
from urllib.parse import quote

from app.domain.message import Link, Message
from app.domain.notification import Notification, NotificationKind, Subject

MAX_WATCH_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses of our page and Nomad's for people, without a final slash; "" leaves the links out."""

    page: str
    nomad: str


WHAT_NEXT = {
    NotificationKind.FAILED: "It is not tried again until a person releases or deploys it, or something newer appears.",
    NotificationKind.SUPERSEDED: "Something newer took its place.",
    NotificationKind.HELD: "It waits for a person.",
    NotificationKind.OUTAGE: "It is tried again by itself.",
}


def compose(notification_id: int, notification: Notification, addresses: Addresses) -> Message:
    """The message of that notification, with links to our page and to Nomad's if their addresses are known."""
    next_step = WHAT_NEXT.get(notification.kind, "")
    subject = notification.subject
    return Message(
        notification_id=str(notification_id),
        kind=notification.kind,
        headline=notification.headline,
        detail="\n".join(part for part in (notification.detail, next_step) if part),
        links=(*_page_links(subject, addresses.page), *_nomad_links(subject, addresses.nomad)),
    )


def _page_links(subject: Subject, page: str) -> tuple[Link, ...]:
    if not page:
        return ()
    if subject.rollout_id is not None:
        return (Link(label="Rollout", url=f"{page}/rollouts/{subject.rollout_id}"),)
    names = subject.watch_names[:MAX_WATCH_LINKS]
    return tuple(Link(label=name, url=f"{page}/repos/{quote(name)}") for name in names)


def _nomad_links(subject: Subject, nomad: str) -> tuple[Link, ...]:
    if not nomad or not subject.job_id:
        return ()
    job = quote(subject.job_id, safe="")
    return (Link(label="Nomad", url=f"{nomad}/ui/jobs/{job}@{quote(subject.namespace or 'default', safe='')}"),)
