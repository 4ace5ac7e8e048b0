"""Applies a fault to one request. faults.py decides which fault, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.simulators.nomad.call import NomadCall
from app.simulators.nomad.faults import FaultAction, NomadFault
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def disturb(nomad: Simulator, fault: NomadFault, call: NomadCall, receive: Receive) -> bool:
    """Apply `fault`. True if the connection was cut, so that no answer can be sent. Refused for a fault with a status.

    This awaits a hang. agent.py applies the faults that change a reply (`index`, `wake`).
    """
    if fault.action is FaultAction.HANG:
        await asyncio.sleep(fault.seconds)
    elif fault.action is FaultAction.RESET:
        await _cut(receive)
        return True
    elif fault.action is FaultAction.FOREIGN:
        _change_by_another(nomad, call)
    elif fault.action is FaultAction.STATUS:
        raise Refused(fault.status, fault.body)
    return False


def _change_by_another(nomad: Simulator, call: NomadCall) -> None:
    """Register the job of this request, as somebody else, in its namespace. Does nothing without such a job."""
    named = call.path.removeprefix("/v1/job/").removesuffix("/plan") if call.path.startswith("/v1/job/") else ""
    namespace = call.query.get("namespace", "")
    if not named and call.body:
        job = call.json().get("Job") or {}
        named, namespace = job.get("ID", ""), namespace or job.get("Namespace") or ""
    if (namespace or "default", named) in nomad.world.jobs:
        nomad.change_by_another(named, namespace or "default")


async def _cut(receive: Receive) -> None:
    """Close the connection without a reply. ASGI has no message for this, so it uses uvicorn's transport."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("simulated reset; this server gives no transport to cut")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
