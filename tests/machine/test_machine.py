"""Given pushes, people, faults and time in any order, every registration is right, and all comes right in the end."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.nomad import MachineNomad
from tests.machine.rules import Machine
from tests.machine.stage import Stage
from tests.servers.http import serve
from tests.servers.postgres import Databases

# The same runs each time; with FAULTS_LONG many others, which --hypothesis-seed repeats, as does the blob of a failure.
_IS_LONG = bool(os.environ.get("FAULTS_LONG"))

_SETTINGS = settings(
    max_examples=400 if _IS_LONG else 40,
    stateful_step_count=50 if _IS_LONG else 40,
    derandomize=not _IS_LONG,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def machine(databases: Databases, tmp_path: Path) -> Iterator[type[Machine]]:
    """The machine, on a database of its own and a Nomad that is served over HTTP."""
    url, nomad = databases.fresh(), MachineNomad(tmp_path)
    with asyncio.Runner() as runner, serve(nomad) as nomad_url:
        stage = Stage.opened(url, nomad, nomad_url)
        yield type("ThisMachine", (Machine,), {"stage": stage, "runner": runner})
        runner.run(stage.aclose())
    databases.drop(url)


def test_everything_comes_right(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=_SETTINGS)
