"""Adds VAULT_TOKEN to jobs on clusters that still read it: Nomad before 1.10 (docs/nomad.md, section 15).

The token must never be shown.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.images import tasks_of

_REMOVED_IN = (1, 10)


class VaultToken:
    """Adds the token to a job before it is posted, only where Nomad reads it."""

    def __init__(self, token: str, client: NomadClient) -> None:
        self._token = token
        self._client = client
        self._agent_version: str | None = None

    def added_to(self, job: dict[str, Any]) -> dict[str, Any]:
        """`job`, with VaultToken where the cluster still reads it."""
        if not self._token or not self._is_read(job):
            return job
        return {**job, "VaultToken": self._token}

    def _is_read(self, job: Mapping[str, Any]) -> bool:
        # Servers that know the field return it, empty, in every job.
        if "VaultToken" in job:
            return True
        self._agent_version = self._agent_version or self._client.agent_version()
        numbers = re.match(r"v?(\d+)\.(\d+)", self._agent_version or "")
        if numbers is None:
            return any(task.get("Vault") for _, task in tasks_of(job))
        return (int(numbers[1]), int(numbers[2])) < _REMOVED_IN
