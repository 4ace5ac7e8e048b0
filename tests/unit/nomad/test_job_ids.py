"""An answer counts as the job only if it is that job; ids that end like an endpoint are read another way."""

import pytest

from app.adapters.nomad.http.job_ids import ends_as_endpoint, is_job


@pytest.mark.parametrize("job_id", ["ci/versions", "a/b/summary", "x/allocations", "x/dispatch/payload", "x/tag"])
def test_an_id_that_ends_like_an_endpoint(job_id: str) -> None:
    assert ends_as_endpoint(job_id)


@pytest.mark.parametrize("job_id", ["versions", "ci/versions/1", "ci-versions", "myversions", "app", "a/periodic-1"])
def test_other_ids(job_id: str) -> None:
    assert not ends_as_endpoint(job_id)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"ID": "app", "JobModifyIndex": 7}, True),
        ({"ID": "other", "JobModifyIndex": 7}, False),
        ({"ID": "app"}, False),
        ({"JobID": "app", "Summary": {}}, False),
        ({}, False),
    ],
)
def test_an_answer_is_the_job_that_was_asked_for(found: dict[str, object], expected: bool) -> None:
    assert is_job(found, "app") is expected
