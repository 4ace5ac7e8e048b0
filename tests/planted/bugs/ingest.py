"""A delivery that is acknowledged and lost, refused for ever, or believed."""

from tests.planted.bug import Bug, Change

_DURABLE = "tests/integration/database/test_durable_commits.py"

BUGS = (
    Bug(
        name="acknowledge before commit",
        changes=(
            Change(
                file="app/adapters/postgres/ingest/inbox.py",
                old="            return await self._put(delivery)\n",
                new="""\
            putting = asyncio.create_task(self._put(delivery))
            putting.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.sleep(0.001)
            return _receipt(delivery, new=len(delivery.parsed.events))
""",
            ),
        ),
        tests=(f"{_DURABLE}::test_a_killed_postgres_has_every_acknowledged_delivery",),
    ),
    Bug(
        name="synchronous_commit = off",
        changes=(
            Change(
                file="app/adapters/postgres/database/session.py",
                old="coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on')",
                new="current_setting('synchronous_commit')",
            ),
        ),
        tests=(
            f"{_DURABLE}::test_a_session_commits_before_it_answers[off-on]",
            f"{_DURABLE}::test_a_killed_postgres_has_every_acknowledged_delivery",
        ),
    ),
    Bug(
        name="400 on malformed",
        changes=(
            Change(
                file="app/web/api/webhooks.py",
                old="        receipt = await receive(services.inbox, services.waker, delivery)\n",
                new="""\
        if delivery.parsed.oddities:
            return _json(400, {"message": "malformed"})
        receipt = await receive(services.inbox, services.waker, delivery)
""",
            ),
        ),
        tests=("tests/web/test_webhooks.py::test_a_malformed_body_is_accepted_and_the_next_valid_event_is_processed",),
    ),
    Bug(
        name="trust the payload's digest",
        changes=(
            Change(
                file="app/services/reconcile/resolver.py",
                old="            self._digests[tag] = await self._read(tag)\n",
                new="""\
            told = [each.digest for each in self._state.events if each.tag == tag and each.digest]
            self._digests[tag] = told[0] if told else await self._read(tag)
""",
            ),
        ),
        tests=("tests/behaviour/reconcile/test_late_tags.py::test_a_spoofed_digest_is_never_deployed",),
    ),
)
