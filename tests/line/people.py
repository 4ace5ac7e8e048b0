"""Commands of people to a line, through the services that the pages and the API call."""

from dataclasses import dataclass
from uuid import UUID

from app.services.commands import rollouts, watches
from tests.line.parts import Parts


@dataclass(kw_only=True)
class People(Parts):
    """A line that gets commands; their actor is "somebody"."""

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch the watch's auto deploy."""
        await watches.set_rule(self.operator, name, by="somebody", auto_deploy=on)

    async def deploy(self, name: str, tag: str) -> UUID:
        """Pin the tag; "" follows releases. Returns the rollout's id."""
        reply = await watches.set_rule(self.operator, name, by="somebody", pinned_tag=tag)
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def reset(self, name: str) -> UUID:
        """Reset the watch. Returns the rollout's id."""
        reply = await watches.reset(self.operator, name, by="somebody")
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def rollback(self, rollout_id: UUID) -> UUID:
        """Roll back the rollout, or return to it. Returns the id of the new rollout."""
        reply = await rollouts.rollback(self.operator, rollout_id, by="somebody")
        assert reply.rollout_id is not None
        return reply.rollout_id

    async def release(self, name: str) -> str:
        """Release the hold of the watch. Returns the message that the person gets."""
        return (await watches.release_hold(self.operator, name, by="somebody")).message

    async def pause(self, *, paused: bool = True) -> None:
        """Pause everything, or resume."""
        await watches.switch(self.operator, paused=paused, by="somebody")
