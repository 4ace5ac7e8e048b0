"""A process in memory, and a client in front of it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.face import Face


@pytest.fixture
def face() -> Face:
    return Face()


@pytest.fixture
def client(face: Face) -> Iterator[TestClient]:
    with face.client() as client:
        yield client
