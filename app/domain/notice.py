"""What people are told, as a value: the kinds of notices and their facts. Sending is an adapter's."""

from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """Why people are told."""

    AUTO_DEPLOY_TOGGLED = "auto_deploy_toggled"
    DIGEST_CHANGED = "digest_changed"
    DEPLOYING = "deploying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    AWAITS_PROMOTION = "awaits_promotion"
    HELD = "held"
    TROUBLE = "trouble"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A labelled address that a notice points at."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to people: a headline, a line of detail (may be ""), and where to look further."""

    notice_id: str
    kind: NoticeKind
    headline: str
    detail: str
    links: tuple[Link, ...] = ()
