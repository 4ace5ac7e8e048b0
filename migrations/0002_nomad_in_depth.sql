-- What following, explaining and undoing a rollout keeps. Owners as in 0001.

-- A watch's ways with Nomad (configuration), and what its worker found: a person's rollback that nothing newer has
-- passed yet, a job source that still names the old image, a running digest that the registry no longer serves.
ALTER TABLE watches
    ADD COLUMN promote_after double precision,
    ADD COLUMN revert_on_failure boolean NOT NULL DEFAULT true,
    ADD COLUMN rolled_back_at timestamptz,
    ADD COLUMN source_stale text NOT NULL DEFAULT '',
    ADD COLUMN unserved text NOT NULL DEFAULT '',
    ADD COLUMN unserved_since timestamptz,
    ADD COLUMN unserved_checked_at timestamptz;

-- A digest that a person let go: it may be tried again, and counts as not running although it stands in the job.
ALTER TABLE failures
    ADD COLUMN released_at timestamptz,
    ADD COLUMN released_by text NOT NULL DEFAULT '';

-- `deployment` is Nomad's as it was seen last; `diagnosis` why it failed; `going_back` the registration that Nomad's own
-- revert made in its place, while that is followed; `undoes` the rollout that this one takes back; `wish` what a person
-- asked of its canaries. No attempts were ever counted, and no trouble was ever written.
ALTER TABLE rollouts
    ADD COLUMN deployment jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN diagnosis jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN going_back jsonb,
    ADD COLUMN undoes uuid,
    ADD COLUMN wish text NOT NULL DEFAULT '' CHECK (wish IN ('', 'promote', 'fail')),
    ADD COLUMN wished_by text NOT NULL DEFAULT '',
    DROP COLUMN attempts,
    DROP COLUMN trouble;

-- What each watch ran before, where all its tasks ran the same: what can be gone back to.
ALTER TABLE rollout_watches
    ADD COLUMN from_tag text NOT NULL DEFAULT '',
    ADD COLUMN from_digest text NOT NULL DEFAULT '';

-- Since when a target waits for other rollouts to end; one that goes last is not woken when one has ended.
ALTER TABLE targets
    ADD COLUMN waits_turn_since timestamptz,
    ADD COLUMN goes_last boolean NOT NULL DEFAULT false;
CREATE INDEX targets_waiting ON targets (waits_turn_since) WHERE waits_turn_since IS NOT NULL;
