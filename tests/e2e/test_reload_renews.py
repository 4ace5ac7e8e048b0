"""Given running processes, when [nomad], a secret's file or a restart-only setting changes, then it takes effect or is
shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.simulators.nomad import create_simulator_app
from tests.e2e.discovery import ByWebhook
from tests.e2e.site import SECRET, Site
from tests.e2e.test_reload import NEWER, post, problem
from tests.processes import until
from tests.servers.files import replace
from tests.servers.http import serve
from tests.servers.local_registry import local_registry
from tests.servers.tls import issue

HOST = "registry.example:5000"


class TokenRecorder:
    """An ASGI middleware that records the tokens of requests, in order."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.tokens: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.tokens.append(dict(scope["headers"]).get(b"x-nomad-token", b"").decode())
        await self._application(scope, receive, send)


@contextmanager
def recorded_tokens(site: Site) -> Iterator[TokenRecorder]:
    """The site's Nomad at another address, where its tokens are recorded."""
    nomad = TokenRecorder(create_simulator_app(site.nomad))
    with serve(nomad) as url:
        site.env = {**site.env, "NOMAD_ADDR": url}
        yield nomad


def token(site: Site, host: str, value: str) -> None:
    site.configure(["app"], host=host, head=f'poll_interval = "1h"\nnomad.token = "{value}"')


async def test_a_rotated_token_is_used_by_every_process_at_once_and_cuts_no_rollout(installation: Site) -> None:
    with local_registry() as (registry, url), recorded_tokens(installation) as nomad:
        host = url.partition("://")[2]
        token(installation, host, "token-before")
        async with installation.api() as api:
            finding = ByWebhook(site=installation, registry=registry, host=host, api=api)
            installation.run_job("app", finding.image("app", "v1.0.0", finding.push_silently("app", "v1.0.0", "first")))
            await installation.run("web", "worker")
            await installation.holds(api, "app", "up_to_date")
            assert set(nomad.tokens) == {"token-before"}
            for number in (1, 2):
                name = f"token-after-{number}"
                underway = await finding.push("app", f"v1.{number}.0", f"content {number}")
                await installation.registers("app", finding.image("app", f"v1.{number}.0", underway))
                token(installation, host, name)  # while its deployment is followed
                await renewed(installation, number)
                await installation.holds(api, "app", "up_to_date")
                seen_before = len(nomad.tokens)
                later = await finding.push("app", f"v1.{number}.1", f"later {number}")
                await installation.registers("app", finding.image("app", f"v1.{number}.1", later))
                await installation.holds(api, "app", "up_to_date")
                assert set(nomad.tokens[seen_before:]) == {name}
            answer = await api.get("/rollouts")
    assert [each["outcome"] for each in answer.json()["rollouts"]] == ["succeeded"] * 4


async def renewed(site: Site, times: int) -> None:
    for process in site.processes:
        await until(lambda: process.log.read_text().count("nomad.renewed") == times, process.name, within=20)  # noqa: B023


async def test_a_secrets_file_is_read_again_when_it_changes(installation: Site) -> None:
    secret = installation.directory / "secret"
    secret.write_text(SECRET)
    installation.configure(["app"], host=HOST, head='poll_interval = "1h"')
    installation.env = {**installation.env, "REGISTRYWATCHER_WEBHOOKS__DISTRIBUTION__SECRET_FILE": str(secret)}
    await installation.run("web")
    async with installation.api() as api:
        digest = "sha256:" + "1" * 64
        assert await post(api, HOST, "v1", digest, secret=SECRET) == 202
        secret.write_text(f"{NEWER}\n")

        async def accepted() -> bool:
            return await post(api, HOST, "v1", digest, secret=NEWER) == 202

        await until(accepted, "the new secret is taken", within=20)
        assert await post(api, HOST, "v1", digest, secret=SECRET) == 401


async def test_a_certificate_that_a_reload_added_is_read_again_when_it_changes(installation: Site) -> None:
    installation.configure(["app"], host=HOST, head='poll_interval = "1h"')
    await installation.run("web")
    log = installation.processes[0].log
    certificate = installation.directory / "ca.pem"
    installation.configure(["app"], host=HOST, head=f'poll_interval = "1h"\nnomad.ca_cert = "{certificate}"')
    async with installation.api() as api:

        async def refused() -> bool:
            return "ca_cert" in await problem(api)

        await until(refused, "the certificate is missing", within=20)
        for number in (1, 2):
            issue(installation.directory)
            await until(lambda: log.read_text().count("config.reloaded") == number, "it is read", within=20)  # noqa: B023
            assert not await problem(api)


async def test_a_change_that_needs_a_restart_is_shown_until_the_file_agrees(installation: Site) -> None:
    given = installation.env
    installation.env = {name: value for name, value in given.items() if name not in ("DATABASE_URL", "REDIS_URL")}

    def write(*, database: str = "", redis: str = "", address: str = "127.0.0.1:8080", poll: str = "1h") -> None:
        head = f'database_url = "{database or given["DATABASE_URL"]}"\nredis_url = "{redis or given["REDIS_URL"]}"'
        installation.configure(["app"], host=HOST, head=f'{head}\npoll_interval = "{poll}"')
        text = installation.config.read_text()
        replace(installation.config, text.replace("127.0.0.1:8080", address))

    write()
    await installation.run("web")
    async with installation.api() as api:

        async def shows(*message: str) -> bool:
            shown = await problem(api)
            return all(part in shown for part in message) if message else not shown

        for number, (changed, name) in enumerate(
            (
                ({"address": "127.0.0.1:8081"}, "server_listening_address"),
                ({"redis": "redis://127.0.0.1:1/0"}, "redis_url"),
                ({"database": "postgres://nobody@127.0.0.1:1/none"}, "database_url"),
            ),
            start=1,
        ):
            write(**changed)
            await until(lambda: shows("a restart is needed", name), name, within=20)  # noqa: B023
            assert installation.processes[0].log.read_text().count("config.restart_required") == number
            assert name in (await api.get("/")).text
            assert (await api.get("/repos")).status_code == 200
            write(poll="2h")
            await until(shows, "the file agrees again", within=20)
