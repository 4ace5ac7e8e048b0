-- What people are told is a notification everywhere, and each channel has its own deliveries. Owners as in 0001.

ALTER TABLE notices RENAME TO notifications;
ALTER TABLE notifications RENAME COLUMN notice_id TO notification_id;
ALTER INDEX notices_pkey RENAME TO notifications_pkey;

-- Whether the rollout brings the watch another digest of the very tag that it runs.
ALTER TABLE rollout_watches ADD COLUMN digest_changed boolean NOT NULL DEFAULT false;

-- Owner: configuration. The channels that a notification written now is delivered to.
CREATE TABLE channels (
    name text PRIMARY KEY
);

-- Owner: created with its notification, one for each channel; sent by the worker (notify). `channel` is '' where none was
-- configured. A channel that is down is tried again here, and holds back no other.
CREATE TABLE notification_deliveries (
    notification_delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id bigint NOT NULL REFERENCES notifications ON DELETE CASCADE,
    channel text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT clock_timestamp(),
    rung_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    sent_at timestamptz,
    given_up_at timestamptz,
    problem text NOT NULL DEFAULT '',
    UNIQUE (notification_id, channel)
);
CREATE INDEX notification_deliveries_open ON notification_deliveries (next_attempt_at)
    WHERE sent_at IS NULL AND given_up_at IS NULL;

-- Slack was the only channel.
INSERT INTO notification_deliveries (notification_id, channel, attempts, next_attempt_at, sent_at, given_up_at, problem)
SELECT notification_id, 'slack', attempts, next_attempt_at, sent_at, dead_at, last_error FROM notifications;

DROP TRIGGER tell_changed ON notifications;
ALTER TABLE notifications
    DROP COLUMN attempts,
    DROP COLUMN next_attempt_at,
    DROP COLUMN rung_at,
    DROP COLUMN lease_token,
    DROP COLUMN lease_until,
    DROP COLUMN sent_at,
    DROP COLUMN dead_at,
    DROP COLUMN last_error;

-- A notification that could not be sent at once is shown until it is.
CREATE TRIGGER tell_changed AFTER UPDATE ON notification_deliveries FOR EACH ROW
    WHEN ((OLD.attempts > 1 AND OLD.sent_at IS NULL AND OLD.given_up_at IS NULL)
       <> (NEW.attempts > 1 AND NEW.sent_at IS NULL AND NEW.given_up_at IS NULL))
    EXECUTE FUNCTION tell_situation();
