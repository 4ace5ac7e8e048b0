-- What the pages read: who said what, how watches stand in the order of need, when tags appeared. Owners as in 0001.

-- The current decision in one word: '' before the first, 'deploy', or why it holds. Written with `decision_id`.
ALTER TABLE watches ADD COLUMN hold text NOT NULL DEFAULT '';
UPDATE watches w SET hold = CASE d.kind WHEN 'deploy' THEN 'deploy' ELSE d.reason END
FROM decisions d WHERE d.decision_id = w.decision_id;

-- A page of watches is read from these alone, and then only its rows.
CREATE INDEX watches_order ON watches (hold, position, name) WHERE present;
CREATE INDEX watches_trouble ON watches (name) WHERE present AND (trouble <> '' OR unserved <> '');
CREATE INDEX targets_trouble ON targets (target_id) WHERE trouble <> '';

-- Owner: whoever a person speaks to (the web, a command), in the transaction of what was said. `watch_name` is NULL
-- for a word about everything. No foreign keys: words outlive what they tell of.
CREATE TABLE words (
    word_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    spoken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    spoken_by text NOT NULL DEFAULT '',
    watch_name text,
    saying text NOT NULL,
    detail text NOT NULL DEFAULT '',
    rollout_id uuid,
    delivery_id uuid
);
CREATE INDEX words_spoken ON words (spoken_at);
CREATE INDEX words_watch ON words (watch_name, spoken_at);
CREATE INDEX words_person ON words (spoken_by, spoken_at);

-- Owner: the worker (look). Tags that appeared after the watch's tags were first read; those of the first are not here.
CREATE TABLE tag_sightings (
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, tag)
);

-- As `created_at` of the rollout: a watch's newest are found without reading all that it ever had.
ALTER TABLE rollout_watches ADD COLUMN asked_at timestamptz;
UPDATE rollout_watches rw SET asked_at = r.created_at FROM rollouts r WHERE r.rollout_id = rw.rollout_id;
ALTER TABLE rollout_watches ALTER COLUMN asked_at SET DEFAULT clock_timestamp(), ALTER COLUMN asked_at SET NOT NULL;
CREATE INDEX rollout_watches_newest ON rollout_watches (watch_name, asked_at);
DROP INDEX rollout_watches_watch;
CREATE INDEX rollouts_created ON rollouts (created_at);
CREATE INDEX rollouts_ended ON rollouts (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX rollouts_person ON rollouts (asked_by, created_at) WHERE asked_by <> '';
CREATE INDEX rollouts_undoes ON rollouts (undoes) WHERE undoes IS NOT NULL;

-- In the order of time, for all and for one watch.
CREATE INDEX decisions_first ON decisions (first_at);
CREATE INDEX decisions_watch_first ON decisions (watch_name, first_at);
DROP INDEX decisions_watch;
CREATE INDEX sightings_polled ON sightings (first_seen_at) WHERE found_by = 'poller';

-- When the watch was told of the event.
ALTER TABLE event_watches ADD COLUMN told_at timestamptz;
UPDATE event_watches ew SET told_at = d.received_at
FROM events e JOIN deliveries d USING (delivery_id) WHERE e.event_id = ew.event_id;
ALTER TABLE event_watches ALTER COLUMN told_at SET DEFAULT clock_timestamp(), ALTER COLUMN told_at SET NOT NULL;
CREATE INDEX event_watches_told ON event_watches (watch_name, told_at);

-- What became of a delivery, and one index for all ways to list them: deliveries come by the thousand, and each index
-- is written with each. Those of all sources are merged from it, source by source.
ALTER TABLE deliveries ADD COLUMN acceptance text NOT NULL DEFAULT 'ignored'
    CHECK (acceptance IN ('accepted', 'duplicate', 'ignored', 'quarantined'));
UPDATE deliveries d SET acceptance = CASE
    WHEN oddities <> '[]' THEN 'quarantined'
    WHEN EXISTS (SELECT FROM events e WHERE e.delivery_id = d.delivery_id) THEN 'accepted'
    ELSE 'duplicate' END
WHERE oddities <> '[]' OR duplicates > 0 OR EXISTS (SELECT FROM events e WHERE e.delivery_id = d.delivery_id);
CREATE INDEX deliveries_listed ON deliveries (source, acceptance, received_at);
DROP INDEX deliveries_received;
