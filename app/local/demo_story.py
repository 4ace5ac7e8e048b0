"""The story of the demo: two pushes, each shown until its rollout ends, by the HTTP API of a user."""

import asyncio
import sys
from typing import Any

import httpx

_REPOSITORY = "demo/sample"
_WATCH = "sample"
_PATIENCE = 60.0


class Story:
    """Pushes to the demo's registry, registers the job in the simulator, and prints the answers of the API.

    `web`, `registry` and `nomad` are base URLs on this machine.
    """

    def __init__(self, *, web: str, registry: str, nomad: str) -> None:
        self._web, self._registry, self._nomad = web, registry, nomad
        self._client = httpx.AsyncClient(trust_env=False, timeout=10)
        self._printed: set[str] = set()

    async def run(self) -> None:
        """Run and print the whole story.

        Raises httpx.HTTPError when a part of the demo does not answer, TimeoutError when a rollout does not end.
        """
        async with self._client:
            async with asyncio.timeout(_PATIENCE):
                await self._until_ready()
            self._say(f"\n  The page:  {self._web}/\n")
            await self._push("v1.0.0")
            await self._seed_job()
            await self._post(f"{self._web}/repos/{_WATCH}/check")
            async with asyncio.timeout(_PATIENCE):
                await self._follow("")
            digest = await self._push("v1.1.0")
            async with asyncio.timeout(_PATIENCE):
                await self._follow(digest)
        self._print_commands()

    async def _until_ready(self) -> None:
        """Wait until Postgres has the schema: the web answers before that, but the first click would fail."""
        while True:
            if (await self._client.get(f"{self._web}/readyz")).status_code == 200:
                return
            await asyncio.sleep(0.05)

    async def _push(self, tag: str) -> str:
        answer = await self._post(f"{self._registry}/registry/push/{_REPOSITORY}/{tag}", {"content": f"sample {tag}"})
        digest: str = answer.json()["digest"]
        self._say(f"  pushed     {_REPOSITORY}:{tag}  ({digest[:19]})")
        async with asyncio.timeout(_PATIENCE):
            await self._until_accepted()
        self._say("  webhook    the registry sent it, and registrywatcher accepted it")
        return digest

    async def _until_accepted(self) -> None:
        """Wait until the registry has sent all its webhooks, each with success."""
        while True:
            answer = await self._client.get(f"{self._registry}/registry/notifications")
            if all(each["delivered"] and not each["pending"] for each in answer.json()["endpoints"]):
                return
            await asyncio.sleep(0.05)

    async def _seed_job(self) -> None:
        image = f"{self._registry.partition('://')[2]}/{_REPOSITORY}:v1.0.0"
        await self._post(f"{self._nomad}/simulator/jobs", _job(image))
        async with asyncio.timeout(_PATIENCE):
            await self._first_deployment()
        self._say(f"  job        {_WATCH} registered manually with {image}")

    async def _first_deployment(self) -> None:
        """Wait for the job's first deployment: registrywatcher would wait as well, and the story is clearer so."""
        while True:
            deployments = (await self._client.get(f"{self._nomad}/v1/job/{_WATCH}/deployments")).json()
            if deployments and all(each["Status"] == "successful" for each in deployments):
                return
            await asyncio.sleep(0.1)

    async def _follow(self, digest: str) -> None:
        """Print every change of the decision and of the rollout until `digest` runs, or, for "", the desired digest."""
        while True:
            if digest:
                await self._print_answer()
            answer = await self._client.get(f"{self._web}/repos")
            answer.raise_for_status()
            watch = answer.json()[_WATCH]
            decision = watch["decision"] or {}
            if decision.get("reason") != "busy":
                self._print_new("decision", decision.get("message", ""))
            for rollout in (await self._client.get(f"{self._web}/rollouts")).json()["rollouts"]:
                self._print_new("rollout", _message(rollout))
            runs = all(digest in each["digest"] for each in watch["running"])
            if runs and decision.get("reason") == "up_to_date":
                return
            await asyncio.sleep(0.1)

    async def _print_answer(self) -> None:
        """Print the decision for the newest push, since a reconcile during the rollout may soon replace it."""
        found = (await self._client.get(f"{self._web}/deliveries", params={"became": "accepted"})).json()["deliveries"]
        newest = (await self._client.get(f"{self._web}/deliveries/{found[0]['delivery_id']}")).json()
        for message in (watch["decision"] for event in newest["events"] for watch in event["watches"]):
            self._print_new("decision", message)

    def _print_new(self, label: str, message: str) -> None:
        if message and f"{label}{message}" not in self._printed:
            self._printed.add(f"{label}{message}")
            self._say(f"  {label:<10} {message}")

    async def _post(self, url: str, body: Any = None) -> httpx.Response:
        answer = await self._client.post(url, json=body)
        answer.raise_for_status()
        return answer

    def _print_commands(self) -> None:
        push = f"{self._registry}/registry/push/{_REPOSITORY}"
        self._say(f"""
  It keeps running. Open {self._web}/ and try, in another terminal:

    push a new release     curl -X POST {push}/v1.2.0
    pin an older one       curl -X POST {self._web}/tags/{_WATCH} -d '{{"pinned_tag": "v1.0.0"}}'
    switch auto deploy off curl -X POST {self._web}/tags/{_WATCH} -d '{{"auto_deploy": false}}'
    follow releases again  curl -X POST {self._web}/tags/{_WATCH}/reset
    show everything        curl {self._web}/repos

  Ctrl-C stops everything.""")

    @staticmethod
    def _say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _message(rollout: dict[str, Any]) -> str:
    """One line on a rollout from its JSON."""
    what = rollout["what"]
    how = rollout["outcome"] or rollout["note"] or rollout["state"]
    return f"{what}: {how}" + (f" ({rollout['reason']})" if rollout["reason"] else "")


def _job(image: str) -> dict[str, Any]:
    """A service job of two allocations, as a user would register it."""
    second = 1_000_000_000
    return {
        "ID": _WATCH,
        "Name": _WATCH,
        "Type": "service",
        "Datacenters": ["dc1"],
        "TaskGroups": [
            {
                "Name": "app",
                "Count": 2,
                "Update": {"MaxParallel": 1, "MinHealthyTime": second, "HealthyDeadline": 60 * second},
                "Tasks": [{"Name": "server", "Driver": "docker", "Config": {"image": image}}],
            }
        ],
    }
