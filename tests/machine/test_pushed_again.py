"""A tag that is set back to an earlier digest is deployed again: the digest alone is not the identity of a rollout."""

import asyncio

from tests.fakes.registry import digest_of
from tests.machine.end import settle, wrong_at_the_end
from tests.machine.judged import wrong_now
from tests.machine.stage import Stage, repository

CONTENTS = ("second", "third", "second", "third", "second")


def test_each_push_is_deployed_in_its_turn(stage: Stage, runner: asyncio.Runner) -> None:
    async def run() -> None:
        await stage.reset()
        for content in CONTENTS:
            stage.registry.put(repository("web"), "v1.1.0", content, tick=stage.ledger.next())
            assert await settle(stage) == []
        assert await wrong_now(stage, since=0) == []
        assert await wrong_at_the_end(stage) == []
        registered = [each.image.digest for each in stage.ledger.registrations if each.is_ours]
        assert registered == [digest_of(content) for content in CONTENTS]

    runner.run(run())
