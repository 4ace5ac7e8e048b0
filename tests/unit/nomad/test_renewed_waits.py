"""Given a wait on a connection that may be renewed, when it ends by an error, then that is no move."""

import pytest

from app.adapters.nomad import NomadConnection, RenewableDeployer
from app.domain.deployment import WaitIndex
from app.domain.watch import JobPlace
from tests.servers.http import serve
from tests.unit.nomad.test_waiting import Scripted

PLACE = JobPlace(region="", namespace="default", job_id="web")


async def test_an_answer_that_nobody_foresaw_is_raised_to_who_waits() -> None:
    """Whoever took it for a move would ask Nomad, and wait again, without a pause."""
    strange = Scripted(body=b'{"ID": "e1", "ModifyIndex": "eight"}')
    with serve(strange) as url:
        deployer = RenewableDeployer(NomadConnection(address=url))
        with pytest.raises(TypeError):
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e1", index=7), within=20)
        await deployer.aclose()
