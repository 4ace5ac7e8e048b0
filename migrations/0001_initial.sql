-- The tables of registrywatcher. Each table names the actor that owns its rows: only that actor changes them.
-- Times are the database's own (now(), clock_timestamp()): leases and due times never use a host's clock.

-- Owner: the web (operate). One row.
CREATE TABLE switches (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused boolean NOT NULL DEFAULT false,
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO switches DEFAULT VALUES;

-- Owner: the worker that holds the lease. Anybody may move `mark` and `due_at` (that is what makes a target due).
CREATE TABLE targets (
    target_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region text NOT NULL,
    namespace text NOT NULL,
    job_id text NOT NULL,
    mark bigint NOT NULL DEFAULT 0,
    -- Why it is due: anything but a poll wants the job read; a poll alone is content when the registry has not moved.
    thorough boolean NOT NULL DEFAULT true,
    polled boolean NOT NULL DEFAULT false,
    due_at timestamptz,
    rung_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    poll_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    job_index bigint NOT NULL DEFAULT 0,
    job_create_index bigint NOT NULL DEFAULT 0,
    job_version bigint NOT NULL DEFAULT 0,
    job_read_at timestamptz,
    -- A Nomad deployment of somebody else: what it looked like, and since when it has not moved.
    foreign_progress text NOT NULL DEFAULT '',
    foreign_since timestamptz,
    trouble text NOT NULL DEFAULT '',
    trouble_since timestamptz,
    UNIQUE (region, namespace, job_id)
);
CREATE INDEX targets_due ON targets (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX targets_poll ON targets (poll_at);

-- Owners: configuration columns by whoever reads the file; the rule (pinned_tag, auto_deploy, word_at) by the web;
-- everything below "seen" by the worker that holds the target's lease.
CREATE TABLE watches (
    name text PRIMARY KEY,
    target_id bigint NOT NULL REFERENCES targets,
    registry text NOT NULL,
    repository_host text NOT NULL,
    repository_path text NOT NULL,
    task text NOT NULL,
    group_name text,
    deploy_by text NOT NULL,
    observe_only boolean NOT NULL,
    position integer NOT NULL,
    present boolean NOT NULL DEFAULT true,
    pinned_tag text NOT NULL DEFAULT '',
    auto_deploy boolean NOT NULL DEFAULT true,
    word_at timestamptz,
    -- seen
    tags text[] NOT NULL DEFAULT '{}',
    tags_read_at timestamptz,
    wanted_tag text NOT NULL DEFAULT '',
    wanted_digest text NOT NULL DEFAULT '',
    running jsonb NOT NULL DEFAULT '[]',
    job_create_index bigint NOT NULL DEFAULT 0,
    digests jsonb NOT NULL DEFAULT '{}',
    digest_tags jsonb NOT NULL DEFAULT '{}',
    first_highest text NOT NULL DEFAULT '',
    expected jsonb NOT NULL DEFAULT '{}',
    -- After a failed rollout Nomad may have reverted: the next look takes what it finds as ours.
    adopt boolean NOT NULL DEFAULT false,
    hand_changed_at timestamptz,
    hand_images jsonb NOT NULL DEFAULT '{}',
    decision_id bigint,
    trouble text NOT NULL DEFAULT '',
    trouble_since timestamptz
);
CREATE INDEX watches_target ON watches (target_id);
CREATE INDEX watches_repository ON watches (repository_path);

-- Owner: the worker (look). Every digest that the rule wanted once, with the time it was first seen.
CREATE TABLE sightings (
    watch_name text NOT NULL REFERENCES watches,
    digest text NOT NULL,
    tag text NOT NULL,
    found_by text NOT NULL DEFAULT '',
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, digest)
);

-- Owner: the worker (observe). Digests that Nomad judged as failed; a person's deploy releases them.
CREATE TABLE failures (
    watch_name text NOT NULL REFERENCES watches,
    digest text NOT NULL,
    rollout_id uuid NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, digest)
);

-- Owner: the worker (look). A row when the decision differs from the last one; identical looks are counted on it.
CREATE TABLE decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch_name text NOT NULL REFERENCES watches,
    kind text NOT NULL CHECK (kind IN ('deploy', 'hold')),
    reason text NOT NULL,
    words text NOT NULL,
    tag text NOT NULL,
    digest text NOT NULL,
    rollout_id uuid,
    looks bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX decisions_watch ON decisions (watch_name, decision_id DESC);

-- Owner: the web (receive). `body` is kept only when something in it was odd.
CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    source text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    size integer NOT NULL,
    ignored integer NOT NULL,
    duplicates integer NOT NULL DEFAULT 0,
    oddities jsonb NOT NULL DEFAULT '[]',
    body bytea
);
CREATE INDEX deliveries_received ON deliveries (received_at);

-- Owner: the web (receive). `identity` is the sender's id of the event: equal on every retry of it.
CREATE TABLE events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    source text NOT NULL,
    identity text,
    action text NOT NULL,
    host text,
    path text NOT NULL,
    tag text NOT NULL,
    digest text
);
CREATE UNIQUE INDEX events_identity ON events (source, identity) WHERE identity IS NOT NULL;
CREATE INDEX events_delivery ON events (delivery_id);

-- Owner: created by the web (receive), settled by the worker (look). What became of an event for each watch it concerns.
-- `before_digest` is what the registry showed for the tag before the event, "" when unknown.
CREATE TABLE event_watches (
    event_id bigint NOT NULL REFERENCES events ON DELETE CASCADE,
    watch_name text NOT NULL REFERENCES watches,
    before_digest text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    settled_at timestamptz,
    answer text NOT NULL DEFAULT '',
    decision_id bigint,
    PRIMARY KEY (event_id, watch_name)
);
CREATE INDEX event_watches_open ON event_watches (watch_name) WHERE settled_at IS NULL;

-- Owner: the web (receive). Sources that nobody configured: shown, since some registries then block for ever.
CREATE TABLE unknown_sources (
    source text PRIMARY KEY,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    deliveries bigint NOT NULL DEFAULT 1
);

-- Owner: created by the web (a person's) or the worker (the rule's); submitted by the worker that holds the target's
-- lease; followed and ended by the worker that holds the rollout's lease. `intent` numbers the rollouts of a target:
-- (repository, tag, digest) alone is not the identity of a deploy.
CREATE TABLE rollouts (
    rollout_id uuid PRIMARY KEY,
    target_id bigint NOT NULL REFERENCES targets,
    intent bigint NOT NULL,
    origin text NOT NULL,
    asked_by text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'submitted', 'ended')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expected_index bigint,
    changes jsonb NOT NULL DEFAULT '[]',
    submitted_at timestamptz,
    evaluation_id text NOT NULL DEFAULT '',
    submission_index bigint,
    submission_changed boolean NOT NULL DEFAULT true,
    warnings text NOT NULL DEFAULT '',
    progress text NOT NULL DEFAULT '',
    moved_at timestamptz,
    next_look_at timestamptz,
    rung_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    note text NOT NULL DEFAULT '',
    trouble text NOT NULL DEFAULT '',
    outcome text,
    reason text NOT NULL DEFAULT '',
    ended_at timestamptz,
    UNIQUE (target_id, intent)
);
CREATE UNIQUE INDEX rollouts_active ON rollouts (target_id) WHERE ended_at IS NULL;
CREATE INDEX rollouts_next_look ON rollouts (next_look_at) WHERE state = 'submitted';

-- Owner: as the rollout. What it brings to each watch; `tag` and `digest` follow the registry until it is submitted.
CREATE TABLE rollout_watches (
    rollout_id uuid NOT NULL REFERENCES rollouts ON DELETE CASCADE,
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    digest text NOT NULL,
    forced boolean NOT NULL,
    from_images jsonb NOT NULL DEFAULT '{}',
    words text NOT NULL DEFAULT '',
    PRIMARY KEY (rollout_id, watch_name)
);
CREATE INDEX rollout_watches_watch ON rollout_watches (watch_name);

-- Owner: created with what they tell of, in its transaction; sent by the worker (announce).
CREATE TABLE notices (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    headline text NOT NULL,
    detail text NOT NULL DEFAULT '',
    watch_names text[] NOT NULL DEFAULT '{}',
    rollout_id uuid,
    job_id text NOT NULL DEFAULT '',
    namespace text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT clock_timestamp(),
    rung_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    sent_at timestamptz,
    dead_at timestamptz,
    last_error text NOT NULL DEFAULT ''
);
CREATE INDEX notices_open ON notices (next_attempt_at) WHERE sent_at IS NULL AND dead_at IS NULL;

-- Owner: the migration of the predecessor's table, which is read once.
CREATE TABLE imports (
    name text PRIMARY KEY,
    imported_at timestamptz NOT NULL DEFAULT now(),
    rows integer NOT NULL
);
