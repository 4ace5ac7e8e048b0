"""One process follows its file on a real Postgres, by a clock of the test's: what is taken, what waits, what stays."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from dramatiq.brokers.stub import StubBroker

from app.adapters.nomad import RenewableDeployer
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.notify.notifications import add_notifications
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.feed import PostgresFeed
from app.adapters.registry import RegistryClient
from app.adapters.waker import DramatiqWaker
from app.bootstrap import KeptOpen, Services, build_services, endpoints, nomad_connection
from app.bootstrap.applying import ConfigApplier
from app.domain.notification import Notification, NotificationKind
from app.errors import ConfigError, ReadingRefused, ReadingWaits, StoreUnavailable
from app.outbound.client import open_client
from app.services.config.reload import Repeats
from app.services.rollout.wait_for_change import ChangeWaiter
from app.settings import Settings, load_settings
from tests.servers.files import replace
from tests.servers.tls import issue

NOWHERE = "postgres://nobody@127.0.0.1:1/none"


def text(*names: str, head: str = "", tokens: tuple[str, ...] = ("ops",), url: str) -> str:
    watches = "".join(
        f'[repo_map.{name}]\nregistry_name = "main"\nnomad_job_name = "{name}"\nnomad_task_name = "server"\n'
        for name in names
    )
    access = "".join(f'[api_tokens.{name}]\nrole = "admin"\ntoken = "{name}-token"\n' for name in tokens)
    registry = '[registry_map.main]\nregistry_domain = "registry.example"\n'
    return f'database_url = "{url}"\nwatched_repositories = {list(names)!r}\n{head}\n{registry}{watches}{access}'


def first_settings(file: Path, content: str) -> Settings:
    replace(file, content)
    return load_settings(file, {})


@dataclass(kw_only=True)
class Process:
    """A process with a file and a clock; it has started."""

    services: Services
    file: Path
    url: str
    now: float = 1000.0

    def write(self, *names: str, **changes: Any) -> None:
        replace(self.file, text(*names, url=self.url, **changes))

    @property
    def tokens(self) -> list[str]:
        return [token.name for token in self.services.settings.api_tokens]

    async def watches(self) -> list[str]:
        return [each.name for each in await self.services.queries.watches()]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def started(stack: AsyncExitStack, file: Path, url: str, *names: str) -> tuple[Process, ConfigApplier]:
    """A process whose file has these watches, before its first word with Postgres."""
    settings = first_settings(file, text(*names, tokens=("ops", "ci"), url=url))
    database, waker = Database(url, timeout=1.0), DramatiqWaker(StubBroker())
    stack.push_async_callback(database.close)
    stack.callback(waker.close)
    deployer = RenewableDeployer(nomad_connection(settings.nomad))
    stack.push_async_callback(deployer.aclose)
    kept = KeptOpen(
        database=database,
        door=database,
        registries=RegistryClient(endpoints(settings.registries)),
        deployer=deployer,
        waker=waker,
        waiter=ChangeWaiter(PostgresRollouts(database), deployer, waker),
        http=await stack.enter_async_context(open_client()),
        feed=PostgresFeed(database),
    )
    process = Process(services=build_services(settings, kept), file=file, url=url)
    repeats = Repeats(clock=lambda: process.now)
    return process, ConfigApplier(process, kept, listens=True, repeats=repeats)


async def waits(applier: ConfigApplier) -> str:
    """Why the file as it reads now waits."""
    with pytest.raises(ReadingWaits) as caught:
        await applier.apply(applier.load())
    return str(caught.value)


async def test_what_takes_most_away_is_taken_when_it_still_reads_the_same_after_a_minute(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", database_url, "app", "other", "third")
    assert await applier.start()
    process.write("app")
    assert "2 of 3" in await waits(applier)
    process.now += 59
    await waits(applier)
    process.write("app", head="# written again")
    process.now += 59
    await waits(applier)
    process.now += 59
    await waits(applier)
    assert await process.watches() == ["app", "other", "third"]
    process.now += 1
    await applier.apply(applier.load())
    assert await process.watches() == ["app"]


@pytest.mark.parametrize(
    "between", ["[[", "xyzzy = 1\n", "", 'nomad.address = "https://"\n'], ids=["no TOML", "faulty", "empty", "unusable"]
)
async def test_what_could_not_be_taken_between_begins_the_minute_anew(
    stack: AsyncExitStack, tmp_path: Path, database_url: str, between: str
) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", database_url, "app", "other", "third")
    assert await applier.start()
    process.write("app")
    await waits(applier)
    held = process.file.read_text()
    replace(process.file, between + held if between else "")
    process.now += 1
    with pytest.raises((ConfigError, ReadingRefused)):
        await applier.apply(applier.load())
    replace(process.file, held)
    process.now += 60
    await waits(applier)
    process.now += 60
    await applier.apply(applier.load())
    assert await process.watches() == ["app"]


async def added(process: Process) -> list[int]:
    """The deliveries of a notification that is written now."""
    told = Notification(kind=NotificationKind.HELD, headline="app: nothing is deployed")
    async with process.services.database.transaction() as connection:
        return await add_notifications(connection, told)


async def test_channels_come_into_force_with_the_reading_that_has_them(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", database_url, "app", "other", "third")
    assert await applier.start()
    assert await added(process) == []
    process.write("app", "other", "third", head='webhook_url = "https://hooks.example/a"')
    await applier.apply(applier.load())
    assert list(process.services.notifier.channels) == ["slack"]
    assert len(await added(process)) == 1
    process.write("app")  # it takes most away, so its channels wait as well
    await waits(applier)
    assert list(process.services.notifier.channels) == ["slack"]
    assert len(await added(process)) == 1


async def test_a_certificate_that_a_reading_added_is_followed(stack: AsyncExitStack, tmp_path: Path) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", NOWHERE, "app")
    certificate = tmp_path / "ca.pem"
    process.write("app", head=f'nomad.ca_cert = "{certificate}"')
    assert applier.changes()
    with pytest.raises(ConfigError, match="ca_cert"):
        applier.load()
    assert not applier.changes()
    issue(tmp_path)
    assert applier.changes()
    applier.load()
    assert not applier.changes()
    certificate.write_text(certificate.read_text() + "\n")
    assert applier.changes()


async def test_it_waits_at_a_start_too(stack: AsyncExitStack, tmp_path: Path, database_url: str) -> None:
    _, first = await started(stack, tmp_path / "first.toml", database_url, "app", "other", "third")
    assert await first.start()
    process, applier = await started(stack, tmp_path / "second.toml", database_url, "app")
    assert not await applier.start()
    await waits(applier)
    process.now += 60
    await applier.apply(applier.load())
    assert await process.watches() == ["app"]


async def test_of_an_older_file_only_the_watches_wait(stack: AsyncExitStack, tmp_path: Path, database_url: str) -> None:
    older, old = await started(stack, tmp_path / "older.toml", database_url, "app")
    assert await old.start()
    _, new = await started(stack, tmp_path / "newer.toml", database_url, "app", "other")
    assert await new.start()
    older.write("app", head='poll_interval = "2h"', tokens=("ops", "ci", "new"))
    assert "newer set of watches" in await waits(old)
    older.now += 3600
    assert "newer set of watches" in await waits(old)
    assert (older.services.settings.poll_interval, older.tokens) == (7200.0, ["ops", "ci", "new"])
    assert await older.watches() == ["app", "other"]


async def test_a_removed_token_is_dead_while_postgres_is_away(stack: AsyncExitStack, tmp_path: Path) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", NOWHERE, "app")
    process.write("app", tokens=("ops", "new"))
    with pytest.raises(StoreUnavailable):
        await applier.apply(applier.load())
    assert process.tokens == ["ops"]


async def test_a_removed_token_is_dead_though_the_log_cannot_be_written(stack: AsyncExitStack, tmp_path: Path) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", NOWHERE, "app")
    process.write("app", head="xyzzy = 1")

    def full(*_: object) -> str:
        raise OSError("No space left on device")

    stack.callback(structlog.reset_defaults)
    structlog.configure(processors=[full])
    with pytest.raises(OSError, match="No space"):
        applier.load()
    assert process.tokens == ["ops"]


@pytest.mark.parametrize("content", ["", "# nothing\n"])
async def test_an_emptied_file_is_refused_though_a_minute_passes(
    stack: AsyncExitStack, tmp_path: Path, database_url: str, content: str
) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", database_url, "app")
    assert await applier.start()
    replace(process.file, content)
    for _ in range(2):
        with pytest.raises(ReadingRefused, match="empty"):
            await applier.apply(applier.load())
        process.now += 60
    process.write("app", tokens=())
    with pytest.raises(ReadingRefused, match="api_tokens"):
        await applier.apply(applier.load())
    assert process.tokens == ["ops", "ci"]
    assert await process.watches() == ["app"]


async def test_a_connection_to_nomad_that_cannot_work_changes_nothing(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    process, applier = await started(stack, tmp_path / "config.toml", database_url, "app")
    assert await applier.start()
    process.write("app", "other", head='nomad.address = "https://"')
    with pytest.raises(ConfigError):
        await applier.apply(applier.load())
    assert await process.watches() == ["app"]
