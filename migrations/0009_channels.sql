-- What people are told is a notification everywhere. Owners as in 0001.

ALTER TABLE notices RENAME TO notifications;
ALTER TABLE notifications RENAME COLUMN notice_id TO notification_id;
ALTER INDEX notices_open RENAME TO notifications_open;
ALTER INDEX notices_pkey RENAME TO notifications_pkey;

-- Whether the rollout brings the watch another digest of the very tag that it runs.
ALTER TABLE rollout_watches ADD COLUMN digest_changed boolean NOT NULL DEFAULT false;
