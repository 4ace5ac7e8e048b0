"""A notification as a channel sends it. Values only: a channel's own format is its adapter's."""

from dataclasses import dataclass

from app.domain.notification import NotificationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A labelled address in a message."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A notification as a channel sends it: what happened, what comes next, and links to more."""

    notification_id: str
    kind: NotificationKind
    headline: str
    detail: str
    links: tuple[Link, ...] = ()
