"""Which settings only a restart changes: until then, the process keeps those of its start, and says so. Pure."""

from dataclasses import replace

from app.settings import Settings


def until_restart(started: Settings, read: Settings, *, listens: bool) -> tuple[Settings, str]:
    """The reading with those settings of the start, and why a restart is needed; "" when it is not."""
    changed = [
        key
        for key, differs in (
            ("server_listening_address", listens and started.address != read.address),
            ("database_url", started.database_url != read.database_url),
            ("redis_url", started.redis_url != read.redis_url),
            ("lease_seconds", started.lease_seconds != read.lease_seconds),  # the limits of sessions depend on it
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
    return kept, f"a restart is needed, because {names} changed; until then this process uses the values of its start"
