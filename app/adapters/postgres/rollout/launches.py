"""The patch of a rollout in the database: stored before it is registered, withdrawn, or abandoned while in flight."""

from uuid import UUID

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.rollouts import insert_rollout, write_item
from app.adapters.postgres.database.stored import StoredChange, write_changes
from app.domain.rollout import Origin
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Launch
from app.services.reconcile.targets import LeaseLost

_REUSE_ROLLOUT = """
UPDATE rollouts SET expected_index = $2, changes = $3
WHERE rollout_id = $1 AND state = 'requested' RETURNING 1
"""

# An item of the request that this pass did not find, or found running, is not part of the registration.
_DROP_ITEMS = "DELETE FROM rollout_watches WHERE rollout_id = $1 AND watch_name <> ALL($2)"

# A patch that Nomad refused, or that was read back and not found, takes no slot of the active rollouts.
_WITHDRAW = """
UPDATE rollouts SET expected_index = NULL, changes = '[]' WHERE rollout_id = $1 AND state = 'requested'
"""

_KEEP_IN_FLIGHT = """
UPDATE watches w SET in_flight = w.in_flight || (
  SELECT coalesce(jsonb_agg(jsonb_build_object('index', r.expected_index, 'key', c->>'key', 'identity', c->>'identity',
    'digest', rw.digest, 'tag', rw.tag)), '[]') FROM jsonb_array_elements(r.changes) c WHERE c->>'watch' = w.name)
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
WHERE r.rollout_id = $1 AND r.expected_index IS NOT NULL AND r.submission_index IS NULL
  AND w.name = rw.watch_name AND w.target_id = r.target_id
"""


async def write_launch(connection: Connection, claim: Claim, launch: Launch) -> None:
    """Store the patch before it is registered. Raises LeaseLost when the active rollout was submitted meanwhile."""
    changes = write_changes(
        StoredChange(key=key, watch=launch.task_watches[key], identity=launch.identities[key], change=change)
        for key, change in launch.patch.changes.items()
    )
    if launch.reuse:
        reused = await connection.fetchval(_REUSE_ROLLOUT, launch.rollout_id, launch.patch.expected_index, changes)
        if reused is None:
            raise LeaseLost(claim.target_id)
        await connection.execute(_DROP_ITEMS, launch.rollout_id, [item.watch for item in launch.items])
    else:
        await insert_rollout(
            connection,
            launch.rollout_id,
            claim.target_id,
            Origin.RULE,
            expected_index=launch.patch.expected_index,
            changes=changes,
        )
    for item in launch.items:
        await write_item(
            connection,
            launch.rollout_id,
            watch=item.watch,
            tag=item.tag,
            digest=item.digest,
            forced=item.forced,
            from_images=launch.from_images[item.watch],
            message=launch.message[item.watch],
            before=launch.before[item.watch],
            digest_changed=item.watch in launch.digest_changed,
        )


async def withdraw(connection: Connection, rollout_id: UUID) -> None:
    """Delete the patch of a requested rollout: the rollout stays active, without a slot."""
    await connection.execute(_WITHDRAW, rollout_id)


async def keep_in_flight(connection: Connection, rollout_id: UUID) -> None:
    """The rollout's patch is abandoned, but a worker may be registering it: store the images that it may still
    write."""
    await connection.execute(_KEEP_IN_FLIGHT, rollout_id)
