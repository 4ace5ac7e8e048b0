-- Which configurations this database has seen. A row is a set of watches in its order, by its fingerprint: no secret is
-- in it. `turn` counts how often watches came into force, so the greatest is in force; it is no time, since the clocks
-- of two hosts do not agree.

CREATE TABLE configurations (
    fingerprint text PRIMARY KEY,
    turn bigint UNIQUE,                -- NULL: accepted, and never in force
    in_force_at timestamptz,           -- for people
    accepted_at timestamptz,           -- NULL: nobody did, or it is in force since
    accepted_by text NOT NULL DEFAULT ''
);
