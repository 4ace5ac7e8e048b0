"""Which watches an event concerns, in SQL: those of its path; if any of these has its host, only those of its host."""

# Reads a CTE `{events}` (event_id, delivery_id, host, path, tag); returns one row for each event and watch.
CONCERNED = """
    SELECT {events}.event_id, {events}.delivery_id, watches.name, watches.target_id,
           CASE watches.desired_tag WHEN {events}.tag THEN watches.desired_digest ELSE '' END AS before_digest
    FROM {events}
    JOIN watches ON watches.repository_path = {events}.path AND watches.present
    WHERE watches.repository_host = {events}.host
       OR NOT EXISTS (
           SELECT FROM watches AS namesake
           WHERE namesake.repository_path = {events}.path AND namesake.repository_host = {events}.host
             AND namesake.present
       )
"""
