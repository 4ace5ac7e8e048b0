"""A Nomad with ACLs, a namespace for the test, and tokens with the capabilities that a test needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from app.adapters.nomad import NomadConnection, NomadDeployer
from tests.contract.deployer.cluster import Jobs

_SWITCH = "/v1/operator/scheduler/configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """`jobs` register with a management token."""

    jobs: Jobs
    namespace: str
    _made: list[tuple[str, str]] = field(default_factory=list)

    @asynccontextmanager
    async def deployer(self, capabilities: Sequence[str]) -> AsyncIterator[NomadDeployer]:
        """Our deployer, with a token that has only these capabilities in `namespace`."""
        async with self.connected(token=self.token(self.rules(capabilities))) as made:
            yield made

    @asynccontextmanager
    async def connected(self, *, token: str = "", token_file: str = "") -> AsyncIterator[NomadDeployer]:
        """Our deployer with this token."""
        address = self.jobs.cluster.address
        made = NomadDeployer(NomadConnection(address=address, token=token, token_file=token_file, timeout=10))
        try:
            yield made
        finally:
            await made.aclose()

    def rules(self, capabilities: Sequence[str]) -> str:
        """A policy of these capabilities in `namespace`."""
        listed = ", ".join(f'"{each}"' for each in capabilities)
        return f'namespace "{self.namespace}" {{\n  capabilities = [{listed}]\n}}\n'

    def token(self, rules: str) -> str:
        """The secret of a new client token under these rules."""
        cluster, name = self.jobs.cluster, f"contract-{uuid4().hex[:8]}"
        cluster.call("POST", f"/v1/acl/policy/{name}", json={"Name": name, "Rules": rules})
        body = {"Name": name, "Type": "client", "Policies": [name]}
        token = cluster.call("POST", "/v1/acl/token", json=body).json()
        self._made.extend((("token", token["AccessorID"]), ("policy", name)))
        secret: str = token["SecretID"]
        return secret

    @contextmanager
    def registrations_rejected(self) -> Iterator[None]:
        """Inside, only management tokens register: an operator's switch for the whole cluster."""
        before = self.jobs.cluster.call("GET", _SWITCH).json()["SchedulerConfig"]
        self.jobs.cluster.call("PUT", _SWITCH, json={**before, "RejectJobRegistration": True})
        try:
            yield
        finally:
            self.jobs.cluster.call("PUT", _SWITCH, json=before)

    def clear(self) -> None:
        """Delete tokens and policies."""
        for kind, name in self._made:
            self.jobs.cluster.call("DELETE", f"/v1/acl/{kind}/{name}")
