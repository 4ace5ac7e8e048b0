-- Owner: the process itself, which writes its row every two seconds. What a process says of itself, so that the others
-- can tell who runs, who stands still and who has which configuration. A clean stop deletes the row; any process
-- deletes those that were not seen for long.
CREATE TABLE processes (
    process_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('web', 'worker', 'poller')),
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The fingerprint of the settings in force, and since when it is this one.
    configuration text NOT NULL DEFAULT '',
    configuration_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- [{name, late, stands, problem}]: how many seconds each loop was behind its next turn at `seen_at`, whether that is
    -- more than it may be, and what its last turn raised.
    loops jsonb NOT NULL DEFAULT '[]'
);
