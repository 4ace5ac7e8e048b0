-- What people see changes: whoever listens on the channel `registrywatcher` is told what to read again. A look that finds
-- all as it was tells nothing, and deliveries tell nothing: there are thousands a second. Triggers take no locks.
--
--   w:NAME   a watch     t:ID   a target with its watches     r:UUID ID   a rollout and its target
--   s        what every page tells: the pause, what is away, which watches there are     e   everything

CREATE FUNCTION tell_watch(name text) RETURNS void LANGUAGE sql AS $$
    -- A payload takes less than 8,000 bytes, and a name that is longer must not break a transaction.
    SELECT pg_notify('registrywatcher', CASE WHEN octet_length(name) < 7000 THEN 'w:' || name ELSE 'e' END)
$$;

CREATE FUNCTION watch_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_watch(NEW.name);
    IF TG_OP = 'INSERT' THEN
        PERFORM pg_notify('registrywatcher', 's');
    ELSIF (OLD.present, OLD.trouble) IS DISTINCT FROM (NEW.present, NEW.trouble) THEN
        PERFORM pg_notify('registrywatcher', 's');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch_appeared AFTER INSERT ON watches FOR EACH ROW EXECUTE FUNCTION watch_changed();
CREATE TRIGGER watch_changed AFTER UPDATE ON watches FOR EACH ROW
    WHEN ((OLD.pinned_tag, OLD.auto_deploy, OLD.wanted_tag, OLD.wanted_digest, OLD.running, OLD.trouble, OLD.unserved,
           OLD.source_stale, OLD.rolled_back_at, OLD.decision_id, OLD.present, OLD.observe_only, OLD.task, OLD.target_id,
           OLD.repository_path, OLD.repository_host, OLD.promote_after, OLD.revert_on_failure, OLD.position)
        IS DISTINCT FROM
          (NEW.pinned_tag, NEW.auto_deploy, NEW.wanted_tag, NEW.wanted_digest, NEW.running, NEW.trouble, NEW.unserved,
           NEW.source_stale, NEW.rolled_back_at, NEW.decision_id, NEW.present, NEW.observe_only, NEW.task, NEW.target_id,
           NEW.repository_path, NEW.repository_host, NEW.promote_after, NEW.revert_on_failure, NEW.position))
    EXECUTE FUNCTION watch_changed();

CREATE FUNCTION of_watch_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_watch(coalesce(NEW.watch_name, OLD.watch_name));
    RETURN NULL;
END $$;
CREATE TRIGGER failure_changed AFTER INSERT OR UPDATE OR DELETE ON failures FOR EACH ROW
    EXECUTE FUNCTION of_watch_changed();
CREATE TRIGGER event_settled AFTER UPDATE ON event_watches FOR EACH ROW
    WHEN (OLD.settled_at IS DISTINCT FROM NEW.settled_at)
    EXECUTE FUNCTION of_watch_changed();

CREATE FUNCTION word_spoken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.watch_name IS NULL THEN
        PERFORM pg_notify('registrywatcher', 's');
    ELSE
        PERFORM tell_watch(NEW.watch_name);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER word_spoken AFTER INSERT ON words FOR EACH ROW EXECUTE FUNCTION word_spoken();

CREATE FUNCTION rollout_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('registrywatcher', format('r:%s %s', NEW.rollout_id, NEW.target_id));
    RETURN NULL;
END $$;
CREATE TRIGGER rollout_requested AFTER INSERT ON rollouts FOR EACH ROW EXECUTE FUNCTION rollout_changed();
CREATE TRIGGER rollout_changed AFTER UPDATE ON rollouts FOR EACH ROW
    WHEN ((OLD.state, OLD.outcome, OLD.note, OLD.reason, OLD.deployment, OLD.diagnosis, OLD.wish, OLD.warnings)
        IS DISTINCT FROM
          (NEW.state, NEW.outcome, NEW.note, NEW.reason, NEW.deployment, NEW.diagnosis, NEW.wish, NEW.warnings))
    EXECUTE FUNCTION rollout_changed();

CREATE FUNCTION target_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('registrywatcher', 't:' || NEW.target_id), pg_notify('registrywatcher', 's');
    RETURN NULL;
END $$;
CREATE TRIGGER target_troubled AFTER UPDATE ON targets FOR EACH ROW
    WHEN (OLD.trouble IS DISTINCT FROM NEW.trouble)
    EXECUTE FUNCTION target_changed();

CREATE FUNCTION situation_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('registrywatcher', 's');
    RETURN NULL;
END $$;
CREATE TRIGGER switch_turned AFTER UPDATE ON switches FOR EACH ROW EXECUTE FUNCTION situation_changed();
CREATE TRIGGER source_unknown AFTER INSERT ON unknown_sources FOR EACH ROW EXECUTE FUNCTION situation_changed();
