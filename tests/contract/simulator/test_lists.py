"""Filters and pages of lists. The texts of refusals are those of a real 2.0.6-dev agent."""

import httpx
import pytest

from app.simulators.nomad import Simulator, sample_job

FIRST = '"(", "-", "0", "\\"", "`", "all", "any", "not", [ \\t\\r\\n], [1-9] or [a-zA-Z]'
VALUE = '"-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]'
OPERATOR = '"!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]'
UNREADABLE = "failed to create result paginator: failed to read filter expression: {}: no match found, expected: {}"


@pytest.fixture
def simulator() -> Simulator:
    simulator = Simulator()
    simulator.seed(sample_job("api", "app:v1", Meta={"team": "core"}))
    simulator.seed(sample_job("batch", "app:v1", kind="batch"))
    simulator.seed(sample_job("web", "app:v1", namespace="apps"))
    return simulator


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Type == "service"', ["api"]),
        ('Type != "service"', ["batch"]),
        ('"team" in Meta and Meta["team"] == "core"', ["api"]),
        ('Meta.team == "other" or Type == batch', ["batch"]),
        ('not (Type == "batch")', ["api"]),
        ("Stop == false and Version == 0", ["api", "batch"]),
        ("ID contains a and Meta is empty", ["batch"]),
        ('ID matches "^a"', ["api"]),
        ('"team" not in Meta', ["batch"]),
    ],
)
def test_a_filter_gives_the_matching_jobs(agent: httpx.Client, text: str, found: list[str]) -> None:
    assert [job["ID"] for job in agent.get("/v1/jobs", params={"filter": text}).json()] == found


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("(((", UNREADABLE.format("1:4 (3)", FIRST)),
        ("Status ==", UNREADABLE.format("1:10 (9)", VALUE)),
        ("Status = x", UNREADABLE.format("1:8 (7)", OPERATOR)),
        ('Status == "running" and', UNREADABLE.format("1:24 (23)", "[ \\t\\r\\n]")),
        (
            'Foo == "x"',
            "failed to read result page: error finding value in datum: /Foo at part 0: couldn't find key: "
            'struct field with name "Foo"',
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/deployments"])
def test_an_unreadable_filter_is_refused(agent: httpx.Client, path: str, text: str, refusal: str) -> None:
    reply = agent.get(path, params={"filter": text})
    assert (reply.status_code, reply.text) == (400, refusal)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Status == "successful"', {"api", "web"}),
        ('Status == "successful" and JobID == "web"', {"web"}),
        ("IsMultiregion == true", set()),
        ("TaskGroups.app.DesiredTotal == 1", {"api", "web"}),
    ],
)
def test_deployments_are_filtered_by_any_field(agent: httpx.Client, text: str, found: set[str]) -> None:
    rows = agent.get("/v1/deployments", params={"filter": text, "namespace": "*"}).json()
    assert {row["JobID"] for row in rows} == found


def test_a_list_is_read_page_by_page(agent: httpx.Client) -> None:
    first = agent.get("/v1/jobs", params={"namespace": "*", "per_page": "2"})
    token = first.headers["X-Nomad-NextToken"]
    rest = agent.get("/v1/jobs", params={"namespace": "*", "per_page": "2", "next_token": token})
    assert [job["ID"] for job in first.json() + rest.json()] == ["web", "api", "batch"]
    assert "X-Nomad-NextToken" not in rest.headers
    newest_first = agent.get("/v1/deployments", params={"namespace": "*", "reverse": "true"}).json()
    assert [row["JobID"] for row in newest_first] == ["web", "api"]
