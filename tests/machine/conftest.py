"""The stage of the machine: one for all tests of a module, since each run begins on empty tables."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.machine.nomad import MachineNomad
from tests.machine.stage import Stage
from tests.servers.http import serve
from tests.servers.postgres import Databases


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of the stage; what is frozen in it stands still between two runs of it."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def stage(databases: Databases, tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Iterator[Stage]:
    """The stage, on a database of its own and a Nomad that is served over HTTP."""
    url, nomad = databases.fresh(), MachineNomad(tmp_path_factory.mktemp("nomad"))
    with serve(nomad) as nomad_url:
        opened = Stage.opened(url, nomad, nomad_url)
        yield opened
        runner.run(opened.aclose())
    databases.drop(url)
