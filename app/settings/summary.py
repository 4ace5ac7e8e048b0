"""A checked configuration in a few lines, for its author. No line contains a secret."""

from collections.abc import Iterator

from app.domain.watch import Watch
from app.settings.values import Settings


def summarise(settings: Settings) -> Iterator[str]:
    """A line for each address, watch and server, then the warnings."""
    yield f"OK: {settings.file or 'the environment alone'}"
    yield f"  listens on {settings.host}:{settings.port}, polls every {settings.poll_interval:g} s"
    yield f"  rolls out {_bounds(settings)}"
    for watch in settings.watches:
        yield f"  watches {watch.name}: {watch.repository} for {_task(watch)}{_manner(watch)}"
    for name, registry in settings.registries.items():
        yield f"  registry {name}: {registry.scheme}://{registry.domain}, {_login(registry.username)}"
    yield f"  Nomad: {settings.nomad.address}"
    yield f"  Postgres: {_given(bool(settings.database_url))}; Redis: {_given(settings.redis_given)}"
    yield f"  webhooks: {', '.join(settings.webhook_sources) or 'none'}"
    yield f"  API tokens: {', '.join(f'{each.name} ({each.role})' for each in settings.api_tokens) or 'none'}"
    for warning in settings.warnings:
        yield f"warning: {warning}"


def _bounds(settings: Settings) -> str:
    parts = [f"{settings.max_rollouts} at once" if settings.max_rollouts else "any number at once"]
    parts += ["stops after a failure"] if settings.stop_after_failure else []
    parts += [f"its own job {settings.own_job} last"] if settings.own_job else []
    return ", ".join(parts)


def _task(watch: Watch) -> str:
    return f"job {watch.place}, task {'/'.join(filter(None, (watch.group, watch.task)))}"


def _manner(watch: Watch) -> str:
    observes = ", observes only" if watch.observe_only else ""
    promotes = f", promotes canaries after {watch.promote_after:g} s" if watch.promote_after else ""
    return observes + promotes + ("" if watch.revert_on_failure else ", reverts nothing")


def _login(username: str) -> str:
    return f"signs in as {username}" if username else "anonymous"


def _given(given: bool) -> str:
    return "configured" if given else "not configured"
