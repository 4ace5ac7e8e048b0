"""Start and stop our real processes: web, worker and poller, any number of each. It does not know their task.

Every process that a test did not stop itself must still run at the end: nothing here restarts a process.
"""

import asyncio
import inspect
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from app.local.processes import program, python
from tests.servers.forked import Forked
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[1]
_TAIL = 3000
_PAUSE = 0.02  # seconds between two looks at a condition
_PAUSE_OF_QUESTIONS = 0.1  # where looking means to ask a process or a server, which costs it more than its work
_OF_THE_INTERPRETER = {"PYTHONPATH"}  # variables that a forked process would not heed
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


@dataclass(kw_only=True)
class Process:
    """One of our processes, the leader of its own process group; `url` is the address of a web process."""

    name: str
    popen: subprocess.Popen[bytes] | Forked
    log: Path
    url: str = ""
    ended_by_us: bool = False

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """Kill it at once with SIGKILL."""
        self.ended_by_us = True
        if self.popen.poll() is None:
            self.signal(signal.SIGKILL)
        self.popen.wait()

    def terminate(self) -> None:
        """Send SIGTERM and do not wait."""
        self.ended_by_us = True
        self.signal(signal.SIGTERM)

    @property
    def running(self) -> bool:
        return self.popen.poll() is None


@dataclass(kw_only=True)
class Processes:
    """The processes of one configuration file, with one directory and one environment."""

    directory: Path
    env: Mapping[str, str]
    processes: list[Process] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.directory / "registrywatcher.toml"

    @property
    def webs(self) -> list[str]:
        """The URL of each running web process."""
        return [each.url for each in self.processes if each.url and each.running]

    def start(
        self, kind: str, *arguments: str, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> Process:
        """Start a `web` (on a free port unless one is given), `worker` or `poller`. It may not be ready yet.

        `env` are variables of this process alone.
        """
        options = ["--config", str(self.config), *arguments]
        url = ""
        if kind == "web":
            port = port or free_port()
            options += ["--port", str(port)]
            url = f"http://127.0.0.1:{port}"
        return self._start(kind, (kind, *options), url, env or {})

    def start_module(self, module: str, *arguments: str) -> Process:
        """Start a program of the tests. It gets the configuration's path, then `arguments`."""
        name, log = self._named(module.rpartition(".")[2])
        popen = self._executed(python(module, str(self.config), *arguments), log, self.env)
        return self._added(Process(name=name, popen=popen, log=log))

    def _start(self, kind: str, arguments: Sequence[str], url: str, own: Mapping[str, str]) -> Process:
        name, log = self._named(kind)
        env = {**self.env, **own}
        popen = (
            self._executed(program(*arguments), log, env)
            if _OF_THE_INTERPRETER & own.keys()
            else Forked(arguments, env=env, cwd=self.directory, log=log)
        )
        return self._added(Process(name=name, popen=popen, log=log, url=url))

    def _named(self, kind: str) -> tuple[str, Path]:
        """The name of the next process, and its empty log."""
        name = f"{kind}-{len(self.processes) + 1}"
        log = self.directory / f"{name}.log"
        log.write_bytes(b"")
        return name, log

    def _executed(self, argv: Sequence[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with log.open("wb") as out:
            return subprocess.Popen(
                argv, env=env, cwd=self.directory, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def _added(self, process: Process) -> Process:
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Stop every process: SIGTERM to all, SIGKILL to those that still run after ten seconds."""
        for process in self.processes:
            if process.running:
                process.signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + 10
        for process in self.processes:
            try:
                process.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def fallen(self) -> list[str]:
        """Processes that ended although the test did not stop them."""
        return [each.name for each in self.processes if not each.running and not each.ended_by_us]

    def logs(self) -> str:
        """The end of every log."""
        return "\n".join(f"--- {each.name}\n{_tail(each.log)}" for each in self.processes)

    @contextmanager
    def ending(self) -> Iterator[Self]:
        """Stop everything on exit; print the logs when the test failed or a process ended by itself."""
        try:
            yield self
            assert not self.fallen(), "processes fell"
        except BaseException:
            print(self.logs())
            raise
        finally:
            self.stop()


async def until(condition: Callable[[], Any], what: Callable[[], object] | str, *, within: float) -> Any:
    """Return the first true value of the condition (plain or async); AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    pause = _PAUSE
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value, pause = await value, _PAUSE_OF_QUESTIONS
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what() if callable(what) else what}")
        await asyncio.sleep(pause)


def environment(**ours: str) -> dict[str, str]:
    """This machine's environment, without variables that would change our configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REGISTRYWATCHER_", "NOMAD_", "VAULT_"))
        and name.lower() not in _PROXIES
        and name not in ("DATABASE_URL", "REDIS_URL", "PORT")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **ours}


def _tail(log: Path) -> str:
    return log.read_bytes()[-_TAIL:].decode(errors="replace")
