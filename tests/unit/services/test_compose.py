"""The wording of notices and their links."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.domain.notice import Link, NoticeKind
from app.services.compose import MARKS, Addresses, Told, compose

BOTH = Addresses(page="https://watch.example", nomad="https://nomad.example")
ROLLOUT = UUID("0190a000-0000-7000-8000-000000000001")
DEPLOYING = Told(
    notice_id=7,
    kind=NoticeKind.DEPLOYING,
    headline="Deploying app v1.1.0",
    detail="v1.1.0 is the highest release",
    watch_names=("app",),
    rollout_id=ROLLOUT,
    job_id="web",
    namespace="ops",
)


def test_a_rollouts_notice_links_to_it_and_to_its_job() -> None:
    notice = compose(DEPLOYING, BOTH)
    assert (notice.notice_id, notice.kind) == ("7", NoticeKind.DEPLOYING)
    assert notice.headline == "🚀 Deploying app v1.1.0"
    assert notice.detail == "v1.1.0 is the highest release"
    assert notice.links == (
        Link(label="Rollout", url=f"https://watch.example/rollouts/{ROLLOUT}"),
        Link(label="Nomad", url="https://nomad.example/ui/jobs/web@ops"),
    )


def test_a_notice_without_a_rollout_links_to_its_first_watches() -> None:
    told = replace(DEPLOYING, kind=NoticeKind.HELD, rollout_id=None, watch_names=("a b", "c/d", "e", "f"), job_id="")
    assert compose(told, BOTH).links == (
        Link(label="a b", url="https://watch.example/#a%20b"),
        Link(label="c/d", url="https://watch.example/#c%2Fd"),
        Link(label="e", url="https://watch.example/#e"),
    )


def test_a_job_that_was_dispatched_or_has_no_namespace_is_quoted_into_nomads_address() -> None:
    (_, nomad) = compose(replace(DEPLOYING, job_id="a/b@c d", namespace=""), BOTH).links
    assert nomad.url == "https://nomad.example/ui/jobs/a%2Fb%40c%20d@default"


def test_without_addresses_there_are_no_links() -> None:
    assert compose(DEPLOYING, Addresses(page="", nomad="")).links == ()


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_has_its_mark(kind: NoticeKind) -> None:
    assert compose(replace(DEPLOYING, kind=kind), BOTH).headline == f"{MARKS[kind]} {DEPLOYING.headline}"


def test_a_failure_says_its_reason_and_what_comes_next() -> None:
    notice = compose(replace(DEPLOYING, kind=NoticeKind.FAILED, detail="unhealthy"), BOTH)
    assert (
        notice.detail
        == "unhealthy\nIt is not tried again until a person releases or deploys it, or something newer appears."
    )


def test_a_hold_without_detail_still_says_what_comes_next() -> None:
    assert compose(replace(DEPLOYING, kind=NoticeKind.HELD, detail=""), BOTH).detail == "It waits for a person."
