"""The list stays small with any number of watches; tests/bench/page.py measures its speed."""

import gzip
from dataclasses import replace

import pytest

from tests.fakes.registry import digest_of
from tests.web.process import MemoryProcess
from tests.web.values import SUMMARY, WATCH


@pytest.mark.parametrize("watches", [1_000, 10_000])
def test_the_list_is_at_most_forty_kilobytes(watches: int) -> None:
    process = MemoryProcess()
    process.board.known = tuple(
        replace(
            WATCH,
            name=f"team/app-{number}",
            desired_digest=digest_of(f"wanted {number}"),
            specified=(replace(WATCH.specified[0], digest=digest_of(f"runs {number}")),),
            rollout=replace(SUMMARY, outcome=None, what=f"team/app-{number} v1.1.0"),
        )
        for number in range(watches)
    )
    with process.client(Accept="text/html", **{"Accept-Encoding": "gzip"}) as browser:
        answer = browser.get("/")
    assert f"{watches} repositories" in answer.text
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(gzip.compress(answer.content, 5)) <= 40_000
