"""Links to Nomad's own pages."""

from dataclasses import replace

from app.domain.watch import JobPlace
from app.web.render.nomad_links import allocation_url, job_url

UI = "https://nomad.example"
PLACE = JobPlace(region="", namespace="ops", job_id="team/web x@1")


def test_a_job_and_its_pages() -> None:
    assert job_url(PLACE, UI) == "https://nomad.example/ui/jobs/team%2Fweb%20x%401@ops"
    assert (
        job_url(replace(PLACE, job_id="web"), UI, "deployments") == "https://nomad.example/ui/jobs/web@ops/deployments"
    )
    other = replace(PLACE, job_id="web", namespace="", region="eu west")
    assert job_url(other, UI, "evaluations") == "https://nomad.example/ui/jobs/web@default/evaluations?region=eu+west"


def test_an_allocation() -> None:
    assert allocation_url("a1-b2", PLACE, UI) == "https://nomad.example/ui/allocations/a1-b2"
    assert allocation_url("a", replace(PLACE, region="eu"), UI) == "https://nomad.example/ui/allocations/a?region=eu"


def test_without_an_address_there_are_no_links() -> None:
    assert (job_url(PLACE, ""), allocation_url("a1", PLACE, "")) == ("", "")
    assert allocation_url("", PLACE, UI) == ""
