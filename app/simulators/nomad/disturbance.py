"""Answers: how is a fault carried out on one request? What and when is decided in faults.py."""

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
    """Whether the connection was cut, so that there is nobody left to answer; Refused for an answer of the fault's own.

    A hang is awaited here; what the fault changes in a reply (index, a wait cut short) is for the agent.
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
    """Somebody else registers the job that this request is about, in its namespace; nothing happens without one."""
    named = call.path.removeprefix("/v1/job/").removesuffix("/plan") if call.path.startswith("/v1/job/") else ""
    namespace = call.query.get("namespace", "")
    if not named and call.body:
        job = call.json().get("Job") or {}
        named, namespace = job.get("ID", ""), namespace or job.get("Namespace") or ""
    if (namespace or "default", named) in nomad.world.jobs:
        nomad.change_by_another(named, namespace or "default")


async def _cut(receive: Receive) -> None:
    """Close the connection without a reply. ASGI has no word for it, so uvicorn's transport is taken from behind
    `receive`.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("simulated reset; this server gives no transport to cut")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
