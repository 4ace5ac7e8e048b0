"""Waits for states of a line: decisions, outcomes, and no work left."""

from dataclasses import dataclass
from uuid import UUID

from tests.line.nomad_control import Nomads


@dataclass(kw_only=True)
class Waiting(Nomads):
    """A line with methods that wait."""

    async def outcome(self, rollout_id: UUID) -> tuple[str, str]:
        """(outcome, reason) of the rollout, once it has ended."""
        found: tuple[str, str] = await self.until(lambda: self.rows.outcome(rollout_id), f"rollout {rollout_id} ends")
        return found

    async def outcomes(self) -> list[str]:
        """The outcomes of our rollouts, oldest first; "" for one that has not ended."""
        return await self.rows.outcomes()

    async def notifications(self, *kinds: str) -> list[str]:
        """Headlines and details of the notifications of these kinds, oldest first."""
        return await self.rows.notifications(*kinds)

    async def hold(self, name: str) -> tuple[str, str]:
        """(reason, message) of the watch's current decision."""
        return await self.rows.decision(name)

    async def checked(self, name: str) -> None:
        """Wait for the first check of the watch."""

        async def decided() -> bool:
            return (await self.hold(name))[0] != ""

        await self.until(decided, f"{name} is looked at")

    async def held(self, name: str, reason: str) -> str:
        """Wait until the watch holds for this reason; returns the message."""

        async def matches() -> str:
            found, message = await self.hold(name)
            return message if found == reason else ""

        return str(await self.until(matches, f"{name} holds for {reason}"))

    async def deployed(self, name: str, image: str) -> None:
        """Wait until our last registration of the job is `image`, and its rollout has succeeded."""
        await self.until(lambda: self.images(name)[-1:] == [image], f"{name} deployed as {image}")
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is due, nothing is under lease and no rollout is open."""
        await self.until(self.rows.is_quiet, "everything is quiet")

    async def quiet_for_now(self) -> None:
        """Wait until nothing is due now; something may be due later."""
        await self.until(self.rows.is_quiet_for_now, "nothing is due now")

    async def audit(self) -> None:
        """Every rollout must end with exactly one outcome and one notification of it."""
        await self.until(self.rows.have_all_ended, "every rollout has ended")
        wrong = await self.rows.rollouts_without_their_notification()
        assert not wrong, f"rollouts without their one notification: {wrong}"
