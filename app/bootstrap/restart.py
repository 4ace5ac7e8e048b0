"""What of a configuration only a restart changes: the process goes on with what it started with, and says so. Pure."""

from dataclasses import replace

from app.settings import Settings


def until_restart(started: Settings, read: Settings, *, listens: bool) -> tuple[Settings, str]:
    """What was read with those settings that the process started with, and why a restart is needed; "" when none is."""
    changed = [
        key
        for key, differs in (
            ("server_listening_address", listens and started.address != read.address),
            ("database_url", started.database_url != read.database_url),
            ("redis_url", started.redis_url != read.redis_url),
            (
                "lease_seconds",
                started.lease_seconds != read.lease_seconds,
            ),  # sessions have bounds by it
            ("create_database_schema", started.create_database_schema != read.create_database_schema),
        )
        if differs
    ]
    kept = replace(
        read,
        host=started.host,
        port=started.port,
        database_url=started.database_url,
        redis_url=started.redis_url,
        redis_given=started.redis_given,
        lease_seconds=started.lease_seconds,
        create_database_schema=started.create_database_schema,
    )
    if not changed:
        return kept, ""
    names = ", ".join(changed)
    return kept, f"a restart is needed: {names} changed; until then this process works with what it started with"
