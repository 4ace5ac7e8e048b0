"""A web process with a configuration, and its callers: from this machine, from its other address, with any bytes."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.processes import Process, Processes, environment, until
from tests.servers.files import replace
from tests.servers.no_tls import NO_TLS

NOWHERE = "127.0.0.1:1"
START = 60
TOKENS = '[api_tokens.boss]\nrole = "admin"\ntoken = "the-admins-secret"\n'
BEARER = {"Authorization": "Bearer the-admins-secret"}


def own_address() -> str:
    """An address of this machine that is not loopback; skips the test where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # nothing is sent: the kernel only chooses whom it would send as
        found: str = probe.getsockname()[0]
        if not found.startswith(("127.", "0.")):
            return found
    pytest.skip("this machine has no address but loopback")


def configuration(host: str, more: str = "") -> str:
    """A whole file that watches nothing."""
    return f'server_listening_address = "{host}:8080"\n{more}\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The process, and what it answers."""

    process: Process
    processes: Processes

    @property
    def port(self) -> int:
        return int(self.process.url.rpartition(":")[2])

    async def status(
        self, method: str, path: str, *, to: str = "127.0.0.1", by: str | None = None, **headers: str
    ) -> int:
        """The status of a request to the address, sent from `by`; its Host is localhost by default."""
        sent = {"Host": f"localhost:{self.port}", **{key.replace("_", "-"): value for key, value in headers.items()}}
        transport = httpx.AsyncHTTPTransport(verify=NO_TLS, local_address=by)
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=20) as client:
            host = f"[{to}]" if ":" in to else to
            return (await client.request(method, f"http://{host}:{self.port}{path}", headers=sent)).status_code

    async def told(self, request: str) -> str:
        """The head of the answer to the very bytes of a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request.encode())
            async with asyncio.timeout(20):
                return (await reader.readuntil(b"\r\n")).decode()
        finally:
            writer.close()

    async def reads(self, text: str) -> None:
        """Put another text into the file, and wait until the process has accepted or refused it."""
        before = self._reloads()
        replace(self.processes.config, text)
        self.process.popen.send_signal(signal.SIGHUP)
        await until(lambda: self._heeded(before), self.processes.logs, within=START)

    async def reads_at_last(self, text: str) -> None:
        """The same for a text that must be taken."""
        before = self._reloads()
        replace(self.processes.config, text)
        self.process.popen.send_signal(signal.SIGHUP)
        await until(lambda: self._reloads() > before, self.processes.logs, within=START)

    def _reloads(self) -> int:
        return self.process.log.read_text().count("config.reloaded")

    async def _heeded(self, before: int) -> bool:
        return self._reloads() > before or bool(await self._refusal())

    async def _refusal(self) -> str:
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=20) as client:
            outages = (await client.get(f"{self.process.url}/readyz")).json().get("outages", [])
        return str(next((each["problem"] for each in outages if each["name"] == "configuration"), ""))


@asynccontextmanager
async def serving(
    directory: Path, text: str, *, database_url: str = f"postgresql://nobody@{NOWHERE}/nothing", **env: str
) -> AsyncIterator[Web]:
    """The process of this text, once it answers. Whoever is let in where Postgres is away gets 503."""
    ours: Mapping[str, str] = {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"redis://{NOWHERE}/0",
        "NOMAD_ADDR": f"http://{NOWHERE}",
        "REGISTRYWATCHER_CREATE_DATABASE_SCHEMA": "true",
        **env,
    }
    processes = Processes(directory=directory, env=environment(**ours))
    replace(processes.config, text)
    with processes.ending():
        web = Web(process=processes.start("web"), processes=processes)
        ready = "/readyz" if NOWHERE not in database_url else "/healthz"
        await until(lambda: _answers(web, ready), processes.logs, within=START)
        yield web


async def _answers(web: Web, path: str) -> bool:
    try:
        return await web.status("GET", path) == 200
    except httpx.TransportError:
        return False
