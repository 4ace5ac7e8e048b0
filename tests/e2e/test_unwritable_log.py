"""Given processes whose log cannot be written, then they continue, and report the lost lines once it can."""

import resource

from tests.e2e.discovery import ByWebhook
from tests.e2e.site import Site
from tests.processes import Process, until
from tests.servers.local_registry import local_registry

NO_LIMIT = resource.RLIM_INFINITY


def limit(process: Process, size: int) -> None:
    """The largest file that this process may write, its log among them; like a full disk."""
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (size, NO_LIMIT))


async def test_a_push_is_deployed_while_no_process_can_write_its_log(installation: Site) -> None:
    with local_registry() as (registry, url):
        host = url.partition("://")[2]
        installation.configure(["app"], host=host, head='poll_interval = "1h"')
        async with installation.api() as api:
            finding = ByWebhook(site=installation, registry=registry, host=host, api=api)
            installation.run_job("app", finding.image("app", "v1.0.0", finding.push_silently("app", "v1.0.0", "first")))
            await installation.run("web", "worker")
            await installation.holds(api, "app", "up_to_date")
            for process in installation.processes:
                limit(process, 0)
            for number in (1, 2):
                digest = await finding.push("app", f"v1.{number}.0", f"content {number}")
                await installation.registers("app", finding.image("app", f"v1.{number}.0", digest))
                await installation.holds(api, "app", "up_to_date")
            for process in installation.processes:
                limit(process, NO_LIMIT)
            digest = await finding.push("app", "v1.3.0", "content 3")
            await installation.registers("app", finding.image("app", "v1.3.0", digest))
            worker = installation.processes[1]
            await until(lambda: '"log.lines_lost"' in worker.log.read_text(), "it tells what it lost", within=30)
            assert (await api.get("/rollouts")).json()["rollouts"][-1]["outcome"] == "succeeded"
