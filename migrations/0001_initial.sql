-- The tables of registrywatcher. Each table names who writes its rows. Times are the database's own (now(),
-- clock_timestamp()): leases and due times never use a host's clock.

-- Written by commands. One row.
CREATE TABLE switches (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused boolean NOT NULL DEFAULT false,
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL DEFAULT ''
);
INSERT INTO switches DEFAULT VALUES;

-- Written by the worker that holds the lease. Others make a target due by inserting into `wakes`, or by moving
-- `generation` and `due_at`.
CREATE TABLE targets (
    target_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region text NOT NULL,
    namespace text NOT NULL,
    job_id text NOT NULL,
    generation bigint NOT NULL DEFAULT 0,
    -- Why it is due. `inspect_job`: the job must be read. `polled` alone: only if the registry changed.
    inspect_job boolean NOT NULL DEFAULT true,
    polled boolean NOT NULL DEFAULT false,
    due_at timestamptz,
    woken_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    poll_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    job_index bigint NOT NULL DEFAULT 0,
    job_create_index bigint NOT NULL DEFAULT 0,
    job_read_at timestamptz,
    -- A Nomad deployment of somebody else: its last state, and since when that has not changed.
    foreign_progress text NOT NULL DEFAULT '',
    foreign_since timestamptz,
    outage text NOT NULL DEFAULT '',
    outage_since timestamptz,
    -- Whether the outage is a fault of this program, and not of Nomad.
    outage_is_ours boolean NOT NULL DEFAULT false,
    -- Since when it waits for a slot; one that is `queued_last` is not woken when a slot becomes free.
    queued_since timestamptz,
    queued_last boolean NOT NULL DEFAULT false,
    UNIQUE (region, namespace, job_id)
);
CREATE INDEX targets_due ON targets (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX targets_poll ON targets (poll_at);
CREATE INDEX targets_queued ON targets (queued_since) WHERE queued_since IS NOT NULL;
CREATE INDEX targets_outage ON targets (target_id) WHERE outage <> '';

-- Written by everybody who makes a target due; taken by the worker that claims the target, in the statement that takes
-- the lease. It is inserted, never updated: whoever acknowledges a webhook waits for no lock on the target's row, which
-- a frozen worker may hold for long. For the same reason it has no foreign key.
CREATE TABLE wakes (
    wake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wakes_target ON wakes (target_id);

-- Written by the poller that follows the jobs of the namespace, under its lease. What it says holds while the lease is
-- fresh: without a poller, nobody knows.
CREATE TABLE namespaces (
    region text NOT NULL,
    namespace text NOT NULL,
    lease_token uuid,
    lease_until timestamptz,
    -- Nomad's index up to which all changes made their targets due, 0 before the first.
    heard_index bigint NOT NULL DEFAULT 0,
    -- When events were last known to come. While that is recent, jobs are not read by an interval.
    streaming_at timestamptz,
    -- Why Nomad answers and sends no events, "" if it sends them.
    refusal text NOT NULL DEFAULT '',
    outage text NOT NULL DEFAULT '',
    outage_since timestamptz,
    outage_notified boolean NOT NULL DEFAULT false,
    PRIMARY KEY (region, namespace)
);

CREATE TABLE watches (
    -- The configuration, written by the process that syncs it.
    name text PRIMARY KEY,
    target_id bigint NOT NULL REFERENCES targets,
    registry text NOT NULL,
    repository_host text NOT NULL,
    repository_path text NOT NULL,
    task text NOT NULL,
    group_name text,
    deploy_by text NOT NULL,
    observe_only boolean NOT NULL,
    promote_after double precision,
    revert_on_failure boolean NOT NULL DEFAULT true,
    position integer NOT NULL,
    present boolean NOT NULL DEFAULT true,
    -- The rule, written by commands.
    pinned_tag text NOT NULL DEFAULT '',
    auto_deploy boolean NOT NULL DEFAULT true,
    commanded_at timestamptz,
    rolled_back_at timestamptz,
    -- Who pinned the tag, switched auto deploy and rolled back last, when and why: for the messages of holds.
    pinned_by text NOT NULL DEFAULT '',
    pinned_at timestamptz,
    pinned_reason text NOT NULL DEFAULT '',
    switched_by text NOT NULL DEFAULT '',
    switched_at timestamptz,
    switched_reason text NOT NULL DEFAULT '',
    rolled_back_by text NOT NULL DEFAULT '',
    rolled_back_reason text NOT NULL DEFAULT '',
    -- What reconciling and following found, written by the worker that holds the lease.
    tags text[] NOT NULL DEFAULT '{}',
    tags_read_at timestamptz,
    first_checked_at timestamptz,
    desired_tag text NOT NULL DEFAULT '',
    desired_digest text NOT NULL DEFAULT '',
    specified jsonb NOT NULL DEFAULT '[]',
    -- The images of its allocations with their counts, and how many should run; NULL before the first reconcile.
    running jsonb NOT NULL DEFAULT '[]',
    allocation_count integer,
    job_create_index bigint NOT NULL DEFAULT 0,
    digests jsonb NOT NULL DEFAULT '{}',
    digest_tags jsonb NOT NULL DEFAULT '{}',
    baseline_release text NOT NULL DEFAULT '',
    expected jsonb NOT NULL DEFAULT '{}',
    -- The intent of the rollout that `expected` comes from. It only grows: a registration that a frozen worker records
    -- late does not replace what a newer rollout has recorded.
    expected_intent bigint NOT NULL DEFAULT 0,
    -- After a failed rollout Nomad may have reverted: the next reconcile takes the job as it is as the new baseline.
    rebaseline boolean NOT NULL DEFAULT false,
    -- What registrations may still put into the job that were given up before their outcome was known: an array of
    -- {index, key, identity, digest, tag}. Once the job is at another index than `index`, it came or it never will.
    in_flight jsonb NOT NULL DEFAULT '[]',
    -- The images of the open rows of `running_periods`: a pass that finds the same ones writes nothing there.
    period_images jsonb NOT NULL DEFAULT '[]',
    drifted_at timestamptz,
    drift_images jsonb NOT NULL DEFAULT '{}',
    decision_id bigint,
    -- The current decision: '' before the first, 'deploy', or the reason of the hold. Written with `decision_id`.
    hold text NOT NULL DEFAULT '',
    -- Why the job's source still names the old image, "" when it does not.
    source_stale text NOT NULL DEFAULT '',
    -- A running digest that its registry no longer has.
    missing_image text NOT NULL DEFAULT '',
    missing_image_since timestamptz,
    missing_image_checked_at timestamptz,
    outage text NOT NULL DEFAULT '',
    outage_since timestamptz
);
CREATE INDEX watches_target ON watches (target_id);
CREATE INDEX watches_repository ON watches (repository_path);
-- A page of watches is read from these alone, and then only its rows.
CREATE INDEX watches_listed ON watches (hold, position, name) WHERE present;
CREATE INDEX watches_outage ON watches (name) WHERE present AND (outage <> '' OR missing_image <> '');

-- Written by the worker (reconcile). Every digest that a rule ever desired, and who found it first.
CREATE TABLE found_digests (
    watch_name text NOT NULL REFERENCES watches,
    digest text NOT NULL,
    tag text NOT NULL,
    found_by text NOT NULL DEFAULT '',
    first_found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The first decision about it, NULL before that. `found_by` says who caused this one only.
    decision_id bigint,
    PRIMARY KEY (watch_name, digest)
);
CREATE INDEX found_digests_polled ON found_digests (first_found_at) WHERE found_by = 'poller';

-- Written by the worker (reconcile). Tags that appeared after the first listing; those of the first are not here.
CREATE TABLE found_tags (
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    first_found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, tag)
);

-- Written by the worker (reconcile). Each digest that the registry showed for a tag: `since` is when the tag got it the
-- last time.
CREATE TABLE tag_digests (
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    digest text NOT NULL,
    first_found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, tag, digest)
);

-- Written by the worker (reconcile). Tags that a complete list of the registry lacked although the one before had them;
-- a row is deleted when a list has the tag again.
CREATE TABLE absent_tags (
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    absent_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (watch_name, tag)
);

-- Written by the worker (reconcile). Which image ran from when to when, as far as reconciles found it: `ended_at` is
-- NULL while it runs. A period that begins at the watch's `first_checked_at` began before it.
CREATE TABLE running_periods (
    period_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    digest text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX running_periods_open ON running_periods (watch_name, tag, digest) WHERE ended_at IS NULL;
CREATE INDEX running_periods_began ON running_periods (watch_name, began_at);

-- Written by the worker (follow). Digests that Nomad judged as failed. A person releases one: it may be tried again,
-- and counts as not running although the job names it.
CREATE TABLE failures (
    watch_name text NOT NULL REFERENCES watches,
    digest text NOT NULL,
    rollout_id uuid NOT NULL,
    cause text NOT NULL DEFAULT '',
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    released_by text NOT NULL DEFAULT '',
    PRIMARY KEY (watch_name, digest)
);

-- Written by the worker (reconcile). A row when the decision differs from the last one; equal ones are counted on it.
CREATE TABLE decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch_name text NOT NULL REFERENCES watches,
    kind text NOT NULL CHECK (kind IN ('deploy', 'hold')),
    reason text NOT NULL,
    message text NOT NULL,
    tag text NOT NULL,
    digest text NOT NULL,
    rollout_id uuid,
    reconciles bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX decisions_first ON decisions (first_at);
CREATE INDEX decisions_watch_first ON decisions (watch_name, first_at);

-- Written by the worker (reconcile). A change of the watched tasks' images that was not ours: "group/task" to image.
CREATE TABLE drifts (
    drift_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch_name text NOT NULL REFERENCES watches,
    changed_at timestamptz NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL
);
CREATE INDEX drifts_changed ON drifts (changed_at);
CREATE INDEX drifts_watch_changed ON drifts (watch_name, changed_at);

-- Written by the web (ingest). `body` is kept only when something in it was odd.
CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    source text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    acceptance text NOT NULL DEFAULT 'ignored'
        CHECK (acceptance IN ('accepted', 'duplicate', 'ignored', 'quarantined')),
    size integer NOT NULL,
    ignored integer NOT NULL,
    duplicates integer NOT NULL DEFAULT 0,
    oddities jsonb NOT NULL DEFAULT '[]',
    body bytea,
    -- The headers that parsing `body` again needs: lower-case names to values, without credentials.
    headers jsonb NOT NULL DEFAULT '{}'
);
-- One index for all ways to list them: deliveries come by the thousand, and each index is written with each.
CREATE INDEX deliveries_listed ON deliveries (source, acceptance, received_at);

-- Written by the web (ingest). `identity` is the sender's id of the event: equal on every retry of it.
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

-- Inserted by the web (ingest), settled by the worker (reconcile): the outcome of an event for each watch that it
-- concerns. `before_digest` is the digest of the tag before the event, "" when unknown. No foreign key to watches: it
-- would lock the watch's row, and watches are never deleted.
CREATE TABLE event_watches (
    event_id bigint NOT NULL REFERENCES events ON DELETE CASCADE,
    watch_name text NOT NULL,
    before_digest text NOT NULL DEFAULT '',
    known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    settled_at timestamptz,
    answer text NOT NULL DEFAULT '',
    -- What became of the tag is not known yet: each new decision answers the event again.
    pending boolean NOT NULL DEFAULT false,
    decision_id bigint,
    PRIMARY KEY (event_id, watch_name)
);
CREATE INDEX event_watches_pending ON event_watches (watch_name) WHERE pending;
CREATE INDEX event_watches_open ON event_watches (watch_name) WHERE settled_at IS NULL;
CREATE INDEX event_watches_known ON event_watches (watch_name, known_at);

-- Written by the web (ingest). Sources that nobody configured: shown, since some registries then block for ever.
CREATE TABLE unknown_sources (
    source text PRIMARY KEY,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    deliveries bigint NOT NULL DEFAULT 1
);

-- Inserted by commands (a person's) or the worker (the rule's, an undo); submitted by the worker that holds the
-- target's lease; followed and ended by the worker that holds the rollout's lease. `intent` numbers the rollouts of a
-- target: (repository, tag, digest) alone does not identify a deploy.
CREATE TABLE rollouts (
    rollout_id uuid PRIMARY KEY,
    target_id bigint NOT NULL REFERENCES targets,
    intent bigint NOT NULL,
    origin text NOT NULL,
    requested_by text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'submitted', 'ended')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The rollout that this one takes back.
    undoes uuid,
    expected_index bigint,
    changes jsonb NOT NULL DEFAULT '[]',
    submitted_at timestamptz,
    evaluation_id text NOT NULL DEFAULT '',
    submission_index bigint,
    submission_changed boolean NOT NULL DEFAULT true,
    warnings text NOT NULL DEFAULT '',
    progress text NOT NULL DEFAULT '',
    progressed_at timestamptz,
    follow_at timestamptz,
    woken_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    note text NOT NULL DEFAULT '',
    -- Nomad's deployment at the last follow, and why it failed.
    deployment jsonb NOT NULL DEFAULT '{}',
    diagnosis jsonb NOT NULL DEFAULT '{}',
    -- When we first saw each allocation run, for a job without deployments.
    running_since jsonb NOT NULL DEFAULT '{}',
    -- The registration that Nomad's own revert made in its place, while that is followed.
    reverting jsonb,
    -- The command of a person for its canaries.
    canary_command text NOT NULL DEFAULT '' CHECK (canary_command IN ('', 'promote', 'fail')),
    canary_command_by text NOT NULL DEFAULT '',
    outcome text,
    reason text NOT NULL DEFAULT '',
    ended_at timestamptz,
    UNIQUE (target_id, intent)
);
CREATE UNIQUE INDEX rollouts_active ON rollouts (target_id) WHERE ended_at IS NULL;
CREATE INDEX rollouts_follow ON rollouts (follow_at) WHERE state = 'submitted';
CREATE INDEX rollouts_created ON rollouts (created_at);
CREATE INDEX rollouts_ended ON rollouts (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX rollouts_person ON rollouts (requested_by, created_at) WHERE requested_by <> '';
CREATE INDEX rollouts_undoes ON rollouts (undoes) WHERE undoes IS NOT NULL;

-- Written as the rollout. Its item for each watch; `tag` and `digest` follow the registry until it is submitted.
CREATE TABLE rollout_watches (
    rollout_id uuid NOT NULL REFERENCES rollouts ON DELETE CASCADE,
    watch_name text NOT NULL REFERENCES watches,
    tag text NOT NULL,
    digest text NOT NULL,
    forced boolean NOT NULL,
    from_images jsonb NOT NULL DEFAULT '{}',
    -- What the watch ran before, where all its tasks ran the same: what can be gone back to.
    from_tag text NOT NULL DEFAULT '',
    from_digest text NOT NULL DEFAULT '',
    message text NOT NULL DEFAULT '',
    -- Whether the rollout brings another digest of the very tag that runs.
    digest_changed boolean NOT NULL DEFAULT false,
    -- As `created_at` of the rollout: a watch's newest are found without reading all that it ever had.
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (rollout_id, watch_name)
);
CREATE INDEX rollout_watches_newest ON rollout_watches (watch_name, requested_at);

-- Written by the process that syncs the configuration: the channels that a new notification is delivered to.
CREATE TABLE channels (
    name text PRIMARY KEY
);

-- Written with what they are about, in its transaction.
CREATE TABLE notifications (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    headline text NOT NULL,
    detail text NOT NULL DEFAULT '',
    watch_names text[] NOT NULL DEFAULT '{}',
    rollout_id uuid,
    job_id text NOT NULL DEFAULT '',
    namespace text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Inserted with the notification, one for each channel; sent by the worker (notify). `channel` is '' if none was
-- configured. A channel that is down is retried here, and holds back no other.
CREATE TABLE notification_deliveries (
    notification_delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id bigint NOT NULL REFERENCES notifications ON DELETE CASCADE,
    channel text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT clock_timestamp(),
    woken_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    sent_at timestamptz,
    given_up_at timestamptz,
    problem text NOT NULL DEFAULT '',
    UNIQUE (notification_id, channel)
);
CREATE INDEX notification_deliveries_open ON notification_deliveries (next_attempt_at)
    WHERE sent_at IS NULL AND given_up_at IS NULL;

-- Written by the process that carries out a command, in its transaction. `watch_name` is NULL for a command about everything. No
-- foreign keys: the log outlives the rows that it names.
CREATE TABLE audit_log (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL DEFAULT '',
    watch_name text,
    action text NOT NULL,
    detail text NOT NULL DEFAULT '',
    -- What the person gave as the reason, "" without one.
    reason text NOT NULL DEFAULT '',
    rollout_id uuid,
    delivery_id uuid
);
CREATE INDEX audit_log_recorded ON audit_log (recorded_at);
CREATE INDEX audit_log_watch ON audit_log (watch_name, recorded_at);
CREATE INDEX audit_log_actor ON audit_log (actor, recorded_at);

-- Written by the process itself at every beat, so that the others can tell who runs, who stands still and who has which
-- configuration. A clean stop deletes the row; any process deletes those that were silent for long.
CREATE TABLE processes (
    process_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('web', 'worker', 'poller')),
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The fingerprint of the settings in force, and since when.
    configuration text NOT NULL DEFAULT '',
    configuration_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- [{name, late, stands, problem}]: seconds that each loop was late at `beat_at`, whether that is more than it may
    -- be, and the error of its last pass.
    loops jsonb NOT NULL DEFAULT '[]'
);

-- Written by the process that syncs the configuration. A row is a set of watches in its order, by its fingerprint; it
-- holds no secret. The greatest `revision` is in force. It is a count and no time, since the clocks of two hosts differ.
CREATE TABLE configurations (
    fingerprint text PRIMARY KEY,
    revision bigint UNIQUE,            -- NULL: accepted, and never in force
    in_force_at timestamptz,           -- for people
    accepted_at timestamptz,           -- NULL: nobody did, or it is in force since
    accepted_by text NOT NULL DEFAULT ''
);

-- Written by the import of the Go service's table, which is read once.
CREATE TABLE imports (
    name text PRIMARY KEY,
    imported_at timestamptz NOT NULL DEFAULT now(),
    rows integer NOT NULL
);

-- Notifies open pages by NOTIFY: the payload names what to read again, and has no data. A commit that notifies takes a
-- lock that all such commits share. So a reconcile that found nothing new does not notify, nor does work that becomes
-- due. Deliveries and unknown sources, up to thousands a second, are polled by the listeners.
--
-- w:NAME           this watch
-- t:TARGET         the watches of this target, and the outages
-- r:ROLLOUT TARGET this rollout, and the watches of its target
-- s                the situation: the pause, the outages, notifications that could not be sent
-- e                everything: too much to say, or too long

CREATE FUNCTION feed_change(payload text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('registrywatcher', CASE WHEN octet_length(payload) < 4000 THEN payload ELSE 'e' END)
$$;

CREATE FUNCTION feed_target() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('t:' || NEW.target_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_changed AFTER UPDATE OF outage, outage_is_ours ON targets FOR EACH ROW
    WHEN ((OLD.outage, OLD.outage_is_ours) <> (NEW.outage, NEW.outage_is_ours))
    EXECUTE FUNCTION feed_target();

CREATE FUNCTION feed_watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('w:' || NEW.name);
    IF TG_OP = 'INSERT' OR (OLD.outage, OLD.present) <> (NEW.outage, NEW.present) THEN
        PERFORM feed_change('s');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_new AFTER INSERT ON watches FOR EACH ROW EXECUTE FUNCTION feed_watch();
-- Its tags are left out: they are many, and asked for when somebody picks one.
CREATE TRIGGER feed_changed AFTER UPDATE ON watches FOR EACH ROW
    WHEN ((OLD.target_id, OLD.registry, OLD.repository_host, OLD.repository_path, OLD.task, OLD.group_name,
           OLD.deploy_by, OLD.observe_only, OLD.position, OLD.present, OLD.promote_after, OLD.revert_on_failure,
           OLD.pinned_tag, OLD.auto_deploy, OLD.commanded_at, OLD.desired_tag, OLD.desired_digest, OLD.specified,
           OLD.running, OLD.allocation_count,
           OLD.decision_id, OLD.outage, OLD.drifted_at, OLD.rolled_back_at, OLD.source_stale, OLD.missing_image)
        IS DISTINCT FROM
          (NEW.target_id, NEW.registry, NEW.repository_host, NEW.repository_path, NEW.task, NEW.group_name,
           NEW.deploy_by, NEW.observe_only, NEW.position, NEW.present, NEW.promote_after, NEW.revert_on_failure,
           NEW.pinned_tag, NEW.auto_deploy, NEW.commanded_at, NEW.desired_tag, NEW.desired_digest, NEW.specified,
           NEW.running, NEW.allocation_count,
           NEW.decision_id, NEW.outage, NEW.drifted_at, NEW.rolled_back_at, NEW.source_stale, NEW.missing_image))
    EXECUTE FUNCTION feed_watch();

CREATE FUNCTION feed_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('w:' || coalesce(NEW.watch_name, OLD.watch_name));
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_new AFTER INSERT OR DELETE ON failures FOR EACH ROW EXECUTE FUNCTION feed_failure();
CREATE TRIGGER feed_changed AFTER UPDATE ON failures FOR EACH ROW
    WHEN ((OLD.failed_at, OLD.released_at) IS DISTINCT FROM (NEW.failed_at, NEW.released_at))
    EXECUTE FUNCTION feed_failure();

-- Decisions need no trigger: a new one is written on its watch.
CREATE FUNCTION feed_rollout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('r:' || NEW.rollout_id || ' ' || NEW.target_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_new AFTER INSERT ON rollouts FOR EACH ROW EXECUTE FUNCTION feed_rollout();
CREATE TRIGGER feed_changed AFTER UPDATE ON rollouts FOR EACH ROW
    WHEN ((OLD.state, OLD.outcome, OLD.note, OLD.reason, OLD.warnings, OLD.canary_command, OLD.changes,
           OLD.evaluation_id, OLD.deployment, OLD.diagnosis, OLD.reverting)
        IS DISTINCT FROM
          (NEW.state, NEW.outcome, NEW.note, NEW.reason, NEW.warnings, NEW.canary_command, NEW.changes,
           NEW.evaluation_id, NEW.deployment, NEW.diagnosis, NEW.reverting))
    EXECUTE FUNCTION feed_rollout();

CREATE FUNCTION feed_situation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('s');
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_changed AFTER UPDATE ON switches FOR EACH ROW
    WHEN (OLD.paused <> NEW.paused)
    EXECUTE FUNCTION feed_situation();
-- An outage of Nomad is about every row: from then on each says when its job was read.
CREATE FUNCTION feed_everything() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change('e');
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_changed AFTER UPDATE ON namespaces FOR EACH ROW
    WHEN ((OLD.outage = '', OLD.refusal) <> (NEW.outage = '', NEW.refusal))
    EXECUTE FUNCTION feed_everything();
-- A notification that could not be sent at once is shown until it is.
CREATE TRIGGER feed_changed AFTER UPDATE ON notification_deliveries FOR EACH ROW
    WHEN ((OLD.attempts > 1 AND OLD.sent_at IS NULL AND OLD.given_up_at IS NULL)
       <> (NEW.attempts > 1 AND NEW.sent_at IS NULL AND NEW.given_up_at IS NULL))
    EXECUTE FUNCTION feed_situation();

-- A command, and what became of an event, stand in timelines though nothing else may have changed.
CREATE FUNCTION feed_timeline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM feed_change(CASE WHEN NEW.watch_name IS NULL THEN 's' ELSE 'w:' || NEW.watch_name END);
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_new AFTER INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION feed_timeline();
CREATE TRIGGER feed_new AFTER INSERT ON drifts FOR EACH ROW EXECUTE FUNCTION feed_timeline();
CREATE TRIGGER feed_changed AFTER UPDATE ON event_watches FOR EACH ROW
    WHEN ((OLD.settled_at, OLD.answer) IS DISTINCT FROM (NEW.settled_at, NEW.answer))
    EXECUTE FUNCTION feed_timeline();
