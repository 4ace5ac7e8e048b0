"""Given a Nomad whose answers are changed in any part, each read gives a value that can be stored, or an error.

No other error than ours leaves the adapter, and the doors of people answer 503.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.errors import RegistryWatcherError
from app.simulators.nomad import FaultAction, NomadFault
from tests.contract.nomad_stub import PATCH, PLACE, opened
from tests.faults.sizes import moves, seed
from tests.hostile.door import Request
from tests.hostile.nomad_answers import JOB, OURS, HostileNomad, changed_answers, sound
from tests.hostile.site import CALLER, Site
from tests.servers.http import serve

CALLS: dict[str, Callable[[NomadDeployer], Awaitable[object]]] = {
    "inspect": lambda nomad: nomad.inspect(PLACE),
    "observe": lambda nomad: nomad.observe(PLACE, OURS),
    "observe one deployment": lambda nomad: nomad.observe(PLACE, OURS, deployment_id="d-1"),
    "diagnose": lambda nomad: nomad.diagnose(PLACE, OURS),
    "preview": lambda nomad: nomad.preview(PLACE, PATCH),
    "find_auto_revert": lambda nomad: nomad.find_auto_revert(PLACE, OURS),
    "find_successor": lambda nomad: nomad.find_successor(PLACE, OURS, PATCH),
}


@pytest.mark.parametrize("name", CALLS)
async def test_changed_answers(name: str) -> None:
    random, nomad = Random(f"{seed()} {name}"), HostileNomad()
    found: Counter[str] = Counter()
    wrong = []
    with serve(nomad) as url:
        async with opened(NomadConnection(address=url, timeout=5.0)) as deployer:
            for _ in range(moves(ci=40, long=1_000)):
                what, nomad.answers = changed_answers(random)
                try:
                    value = await CALLS[name](deployer)
                    found["a value"] += 1
                    if not can_be_stored(value):
                        wrong.append(f"not storable: {value} {what}")
                except RegistryWatcherError as error:
                    found[type(error).__name__] += 1
                except Exception as error:
                    wrong.append(f"{error!r} {what[:300]}")
    print(f"{name}, seed {seed()}: {dict(found)} {len(wrong)} wrong")
    assert wrong == []


def can_be_stored(value: object) -> bool:
    """Whether Postgres takes its texts: no NUL, no lone surrogate."""
    text = str(value)
    return "\\x00" not in text and "\\ud" not in text and "\0" not in text


@pytest.mark.parametrize("groups", ["[7]", '{"app": 7}', '[{"Name": "app", "Tasks": 7}]', '[{"Tasks": [{}]}]'])
def test_a_person_is_told_that_nomads_answer_is_not_in_its_form(here: Site, groups: str) -> None:
    text = f'{{"ID": "web", "JobModifyIndex": 7, "TaskGroups": {groups}}}'
    here.nomad.faults.add(
        NomadFault(action=FaultAction.STATUS, method="GET", path="/v1/job/web", status=200, text=text)
    )
    try:
        answer = here.send(Request(target=b"/tags/app?plan=true", headers=(CALLER,), body=b'{"pinned_tag": "v1.1.0"}'))
    finally:
        here.nomad.faults.clear()
    assert (answer.status, answer.headers.get("retry-after")) == (503, "1"), answer.body
    assert "not in Nomad's form" in str(answer.json["message"])
    assert here.is_live()


async def test_texts_that_postgres_does_not_take_are_replaced() -> None:
    answers = sound()
    failure = {"Type": "Driver Failure", "Details": {"driver_error": "a\0b\ud800c"}}
    answers[f"{JOB}/allocations"][0]["TaskStates"]["server"]["Events"] = [failure]
    nomad = HostileNomad(answers={path: json.dumps(body).encode() for path, body in answers.items()})
    with serve(nomad) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            found = await deployer.diagnose(PLACE, OURS)
    assert [each for each in found.findings if "a\ufffdb\ufffdc" in each], found
