-- What makes a target due is inserted, never updated: whoever acknowledges a webhook waits for no lock on the target's
-- row, which a worker may hold, and a frozen worker may hold for long.

-- Owner: inserted by whoever makes a target due; taken by the worker that claims the target, in the statement that takes
-- the lease. No foreign key: it would lock the target's row.
CREATE TABLE wakes (
    wake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wakes_target ON wakes (target_id);

-- The same for the rows of watches: they are never deleted, so the key found nothing that could be wrong.
ALTER TABLE event_watches DROP CONSTRAINT event_watches_watch_name_fkey;

-- The intent of the rollout that `expected` comes from. It only grows: a registration that is recorded late, by a worker
-- that was frozen, does not replace what a newer rollout has recorded.
ALTER TABLE watches ADD COLUMN expected_intent bigint NOT NULL DEFAULT 0;
UPDATE watches w SET expected_intent = coalesce((
    SELECT max(r.intent) FROM rollouts r JOIN rollout_watches rw USING (rollout_id)
    WHERE rw.watch_name = w.name AND r.target_id = w.target_id AND r.submission_index IS NOT NULL), 0);

-- What registrations may still put into the job that were given up before anybody knew what became of them: an array of
-- {index, key, identity, digest, tag}. Once the job is at another index than `index`, it came or it never will.
ALTER TABLE watches ADD COLUMN in_flight jsonb NOT NULL DEFAULT '[]';
