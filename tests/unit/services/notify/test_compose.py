"""Additions of a message to its notification: the next step, and links."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.domain.message import Link
from app.domain.notification import Notification, NotificationKind, Subject
from app.services.notify.compose import Addresses, compose

BOTH = Addresses(page="https://watch.example", nomad="https://nomad.example")
ROLLOUT = UUID("0190a000-0000-7000-8000-000000000001")
SUBJECT = Subject(watch_names=("app",), rollout_id=ROLLOUT, job_id="web", namespace="ops")
DEPLOYING = Notification(
    kind=NotificationKind.DEPLOYING,
    headline="Deploying app v1.1.0",
    detail="v1.1.0 is the highest release",
    subject=SUBJECT,
)


def about(**changes: Any) -> Notification:
    return replace(DEPLOYING, subject=replace(SUBJECT, **changes))


def test_a_rollouts_notification_links_to_it_and_to_its_job() -> None:
    message = compose(7, DEPLOYING, BOTH)
    assert (message.notification_id, message.kind) == ("7", NotificationKind.DEPLOYING)
    assert message.headline == "Deploying app v1.1.0"
    assert message.detail == "v1.1.0 is the highest release"
    assert message.links == (
        Link(label="Rollout", url=f"https://watch.example/rollouts/{ROLLOUT}"),
        Link(label="Nomad", url="https://nomad.example/ui/jobs/web@ops"),
    )


def test_a_notification_without_a_rollout_links_to_its_first_watches() -> None:
    notification = about(rollout_id=None, watch_names=("a b", "c/d", "e", "f"), job_id="")
    assert compose(7, notification, BOTH).links == (
        Link(label="a b", url="https://watch.example/repos/a%20b"),
        Link(label="c/d", url="https://watch.example/repos/c/d"),
        Link(label="e", url="https://watch.example/repos/e"),
    )


def test_a_job_that_was_dispatched_or_has_no_namespace_is_quoted_into_nomads_address() -> None:
    (_, nomad) = compose(7, about(job_id="a/b@c d", namespace=""), BOTH).links
    assert nomad.url == "https://nomad.example/ui/jobs/a%2Fb%40c%20d@default"


def test_without_addresses_there_are_no_links() -> None:
    assert compose(7, DEPLOYING, Addresses(page="", nomad="")).links == ()


def test_a_failure_says_its_reason_and_what_comes_next() -> None:
    message = compose(7, replace(DEPLOYING, kind=NotificationKind.FAILED, detail="unhealthy"), BOTH)
    assert (
        message.detail
        == "unhealthy\nIt is not tried again until a person releases or deploys it, or something newer appears."
    )


def test_a_hold_without_detail_still_says_what_comes_next() -> None:
    message = compose(7, replace(DEPLOYING, kind=NotificationKind.HELD, detail=""), BOTH)
    assert message.detail == "It waits for a person."
