-- What is told at once to the pages that are open, by NOTIFY: only that something is to be read again, never what it is.
-- A commit that notifies takes a lock that all such commits share. So a look that found nothing new tells nothing, nor
-- does what falls due; and what strangers or registries send, thousands a second, is asked for by whoever listens.
--
-- w:NAME           this watch
-- t:TARGET         the watches of this target, and what is away
-- r:ROLLOUT TARGET this rollout, and the watches of its target
-- s                the situation: the pause, what is away, what could not be sent
-- e                everything: too much to say, or too long

CREATE FUNCTION tell_change(payload text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('registrywatcher', CASE WHEN octet_length(payload) < 4000 THEN payload ELSE 'e' END)
$$;

CREATE FUNCTION tell_target() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change('t:' || NEW.target_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_changed AFTER UPDATE OF trouble ON targets FOR EACH ROW
    WHEN (OLD.trouble <> NEW.trouble)
    EXECUTE FUNCTION tell_target();

CREATE FUNCTION tell_watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change('w:' || NEW.name);
    IF TG_OP = 'INSERT' OR (OLD.trouble, OLD.present) <> (NEW.trouble, NEW.present) THEN
        PERFORM tell_change('s');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_new AFTER INSERT ON watches FOR EACH ROW EXECUTE FUNCTION tell_watch();
-- Its tags are left out: they are many, and asked for when somebody picks one.
CREATE TRIGGER tell_changed AFTER UPDATE ON watches FOR EACH ROW
    WHEN ((OLD.target_id, OLD.registry, OLD.repository_host, OLD.repository_path, OLD.task, OLD.group_name,
           OLD.deploy_by, OLD.observe_only, OLD.position, OLD.present, OLD.promote_after, OLD.revert_on_failure,
           OLD.pinned_tag, OLD.auto_deploy, OLD.word_at, OLD.wanted_tag, OLD.wanted_digest, OLD.running,
           OLD.decision_id, OLD.trouble, OLD.hand_changed_at, OLD.rolled_back_at, OLD.source_stale, OLD.unserved)
        IS DISTINCT FROM
          (NEW.target_id, NEW.registry, NEW.repository_host, NEW.repository_path, NEW.task, NEW.group_name,
           NEW.deploy_by, NEW.observe_only, NEW.position, NEW.present, NEW.promote_after, NEW.revert_on_failure,
           NEW.pinned_tag, NEW.auto_deploy, NEW.word_at, NEW.wanted_tag, NEW.wanted_digest, NEW.running,
           NEW.decision_id, NEW.trouble, NEW.hand_changed_at, NEW.rolled_back_at, NEW.source_stale, NEW.unserved))
    EXECUTE FUNCTION tell_watch();

CREATE FUNCTION tell_failure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change('w:' || coalesce(NEW.watch_name, OLD.watch_name));
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_new AFTER INSERT OR DELETE ON failures FOR EACH ROW EXECUTE FUNCTION tell_failure();
CREATE TRIGGER tell_changed AFTER UPDATE ON failures FOR EACH ROW
    WHEN ((OLD.failed_at, OLD.released_at) IS DISTINCT FROM (NEW.failed_at, NEW.released_at))
    EXECUTE FUNCTION tell_failure();

-- Decisions need no trigger: a new one is written on its watch.
CREATE FUNCTION tell_rollout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change('r:' || NEW.rollout_id || ' ' || NEW.target_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_new AFTER INSERT ON rollouts FOR EACH ROW EXECUTE FUNCTION tell_rollout();
CREATE TRIGGER tell_changed AFTER UPDATE ON rollouts FOR EACH ROW
    WHEN ((OLD.state, OLD.outcome, OLD.note, OLD.reason, OLD.warnings, OLD.wish, OLD.changes, OLD.evaluation_id,
           OLD.deployment, OLD.diagnosis, OLD.going_back)
        IS DISTINCT FROM
          (NEW.state, NEW.outcome, NEW.note, NEW.reason, NEW.warnings, NEW.wish, NEW.changes, NEW.evaluation_id,
           NEW.deployment, NEW.diagnosis, NEW.going_back))
    EXECUTE FUNCTION tell_rollout();

CREATE FUNCTION tell_situation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change('s');
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_changed AFTER UPDATE ON switches FOR EACH ROW
    WHEN (OLD.paused <> NEW.paused)
    EXECUTE FUNCTION tell_situation();
-- A notice that could not be sent at once is shown until it is.
CREATE TRIGGER tell_changed AFTER UPDATE ON notices FOR EACH ROW
    WHEN ((OLD.attempts > 1 AND OLD.sent_at IS NULL AND OLD.dead_at IS NULL)
       <> (NEW.attempts > 1 AND NEW.sent_at IS NULL AND NEW.dead_at IS NULL))
    EXECUTE FUNCTION tell_situation();

-- What a person said, and what became of an event, stand in timelines though nothing else may have changed.
CREATE FUNCTION tell_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_change(CASE WHEN NEW.watch_name IS NULL THEN 's' ELSE 'w:' || NEW.watch_name END);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_new AFTER INSERT ON words FOR EACH ROW EXECUTE FUNCTION tell_word();
CREATE TRIGGER tell_changed AFTER UPDATE ON event_watches FOR EACH ROW
    WHEN (OLD.settled_at IS DISTINCT FROM NEW.settled_at)
    EXECUTE FUNCTION tell_word();
