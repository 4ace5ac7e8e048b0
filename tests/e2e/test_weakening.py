"""Given running processes, when the file is emptied, cut off or half edited, then access and watches stay."""

import subprocess
from collections.abc import AsyncIterator

import httpx
import pytest

from app.local.processes import program
from tests.e2e.discovery import envelope
from tests.e2e.site import SECRET, Site
from tests.e2e.test_reload import post, problem
from tests.processes import until
from tests.servers.files import replace

HOST = "registry.example:5000"
TOKENS = (
    '[api_tokens.ops]\nrole = "admin"\ntoken = "ops-token"\n[api_tokens.ci]\nrole = "deployer"\ntoken = "ci-token"\n'
)
WITHIN = 20.0


def write(site: Site, *names: str, tokens: str = TOKENS, head: str = "", hooks: str = "") -> str:
    """Write a configuration that never causes a request to a registry or to Nomad; returns its text."""
    site.configure(names, host=HOST, head=f'poll_interval = "1h"\n{head}', secret=hooks or f'secret = "{SECRET}"')
    replace(site.config, f"{site.config.read_text()}{tokens}")
    return site.config.read_text()


@pytest.fixture
async def api(installation: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.api() as client:
        yield client


async def status(api: httpx.AsyncClient, token: str = "", host: str = "") -> int:
    """The status of a caller who tries to change something."""
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **({"Host": host} if host else {})}
    return (await api.post("/repos/app/check", headers=headers)).status_code


async def names(api: httpx.AsyncClient, token: str = "ops-token") -> list[str]:
    answer = await api.get("/repos", headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return list(answer.json())


async def shows(api: httpx.AsyncClient, *message: str) -> None:
    """Wait until /readyz shows these words about the configuration."""
    shown = [""]

    async def does() -> bool:
        shown[0] = await problem(api)
        return all(part in shown[0] for part in message) if message else not shown[0]

    await until(does, lambda: f"/readyz says {message}; it says {shown[0]!r}", within=WITHIN)


async def is_as_before(api: httpx.AsyncClient, *watches: str) -> None:
    """Tokens are still needed and still work, the watches exist, and their webhooks are accepted."""
    assert await status(api) == 401
    assert await status(api, host="localhost") == 401
    assert await status(api, "ci-token") != 401
    assert await names(api) == list(watches)
    assert await post(api, HOST, "v1", "sha256:" + "1" * 64, secret=SECRET) == 202


async def test_an_emptied_and_a_cut_off_file_change_nothing_and_are_shown(
    installation: Site, api: httpx.AsyncClient
) -> None:
    sound = write(installation, "app", "other", "third")
    await installation.run("web")
    without_tokens = sound.partition("[api_tokens")[0]
    for broken, message in (
        ("", "empty"),
        (sound.partition("watched_repositories")[0], "api_tokens"),
        (sound[: sound.index("ops-token") + 3], "TOML"),
        (without_tokens, "api_tokens"),
        (sound[: sound.index("[repo_map.third]")], "repo_map"),
    ):
        replace(installation.config, broken)
        await shows(api, message)
        await is_as_before(api, "app", "other", "third")
    page = await api.get("/", headers={"Authorization": "Bearer ops-token", "Accept": "text/html"})
    assert "no repo_map has the name" in page.text
    replace(installation.config, sound)
    await shows(api)
    await is_as_before(api, "app", "other", "third")
    log = installation.processes[0].log.read_text()
    assert log.count("config.reload_failed") == 5
    assert log.count("config.reloaded") == 1


async def test_a_restart_is_the_way_to_run_without_tokens(installation: Site, api: httpx.AsyncClient) -> None:
    write(installation, "app")
    await installation.run("web")
    write(installation, "app", tokens="")
    await shows(api, "api_tokens", "restart")
    assert await status(api) == 401
    accepted = command(installation, "reload", "--accept")
    assert "nothing to accept" in accepted
    installation.stop()
    await installation.run("web")
    await shows(api)
    assert await status(api) != 401


async def test_most_watches_are_removed_only_when_a_person_accepts_it(
    installation: Site, api: httpx.AsyncClient
) -> None:
    write(installation, "app", "other", "third")
    await installation.run("web")
    write(installation, "app")
    await shows(api, "2 of 3 watches (other, third)", "reload --accept")
    await is_as_before(api, "app", "other", "third")
    assert await taken(api, "third") == 1
    assert "removes 2 watches: other, third" in command(installation, "reload")
    await shows(api, "2 of 3 watches")
    assert "Accepted" in command(installation, "reload", "--accept")
    await shows(api)
    assert await names(api) == ["app"]
    installation.stop()
    write(installation)
    installation.start("web", port=installation.port)
    await until(lambda: answers(api), "the web answers", within=40)
    await shows(api, "1 of 1 watch (app)")
    assert await names(api) == ["app"]


async def test_a_removed_token_is_invalid_although_the_file_is_faulty_or_waits(
    installation: Site, api: httpx.AsyncClient
) -> None:
    write(installation, "app", "other", "third")
    await installation.run("web")
    assert await status(api, "ci-token") != 401
    less = TOKENS.partition("[api_tokens.ci]")[0]
    added = '[api_tokens.new]\nrole = "admin"\ntoken = "new-token"\n'
    write(installation, "app", "other", "third", tokens=less + added, head="xyzzy = 1")
    await shows(api, "xyzzy")
    assert [await status(api, token) for token in ("ci-token", "new-token", "")] == [401, 401, 401]
    assert await status(api, "ops-token") != 401
    write(installation, "app", tokens=added, hooks='secret = "newer"')  # the rest waits
    await shows(api, "2 of 3 watches")
    assert [await status(api, token) for token in ("ops-token", "ci-token", "new-token", "")] == [401] * 4
    assert await post(api, HOST, "v1", "sha256:" + "1" * 64, secret=SECRET) == 401
    write(installation, "app", "other", "third", tokens=added, hooks='secret = "newer"')
    await shows(api)
    assert await status(api, "new-token") != 401
    assert await post(api, HOST, "v1", "sha256:" + "1" * 64, secret="newer") == 202


async def taken(api: httpx.AsyncClient, name: str) -> int:
    """How many events of a push to this watch are accepted."""
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    body = envelope(HOST, name, "v2", "sha256:" + "2" * 64)
    answer = await api.post("/webhooks/distribution", content=body, headers=headers)
    assert answer.status_code == 202
    return int(answer.json()["events"])


async def answers(api: httpx.AsyncClient) -> bool:
    try:
        return (await api.get("/ping")).status_code == 200
    except httpx.TransportError:
        return False


def command(site: Site, *arguments: str) -> str:
    """The output of a command on the site's file."""
    argv = program(*arguments, "--config", str(site.config))
    done = subprocess.run(
        argv, env=site.env, cwd=site.directory, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout
