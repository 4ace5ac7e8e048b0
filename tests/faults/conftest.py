"""One installation for all fault classes of a module: starting one takes longer than most faults."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

import pytest
import structlog

from app.local.postgres import EmbeddedPostgres
from app.local.valkey import EmbeddedValkey
from tests.faults.proof import Proven, prove
from tests.faults.scene import Scene, scene
from tests.servers.directories import enterable_directory
from tests.servers.ports import free_port


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """One of its own: a process that was killed or cut off may still have a statement to end."""
    return own_database_url


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Log only warnings: writing hundreds of rollouts to the log takes longer than the rollouts."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture
def proven(record_property: Callable[[str, object], None]) -> Proven:
    """Writes down what the test saw: proven(moves=200, met=7)."""
    return partial(prove, record_property)


@pytest.fixture(scope="module")
async def here() -> AsyncIterator[Scene]:
    """A whole installation on servers of its own, for one fault class of the module after the other."""
    with (
        enterable_directory() as directory,
        EmbeddedPostgres(directory, port=free_port(), durable=False) as postgres,
        EmbeddedValkey(directory, port=free_port()) as valkey,
    ):
        async with scene(directory, postgres, valkey) as made:
            yield made
