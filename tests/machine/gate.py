"""Counts the calls of one process to its ports, and crashes or freezes it at one of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Crashed(BaseException):
    """Ends a process as SIGKILL does: no handler of the services runs, and nothing more is written."""


class Fault(StrEnum):
    """What befalls a process at a step."""

    CRASH = "crash"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Before or after its first call of this name, a process crashes or freezes; without a fault it runs to its end."""

    fault: Fault | None = None
    call: str = ""
    after: bool = False

    def __str__(self) -> str:
        return f"{self.fault} {'after' if self.after else 'before'} {self.call}" if self.fault else "to its end"


@dataclass(slots=True)
class Gate:
    """The place that every call of a process to a port passes. `calls` are their names, oldest first."""

    plan: Plan
    calls: list[str] = field(default_factory=list)
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the process stands still."""
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def thaw(self) -> None:
        """Let a frozen process go on, to its end."""
        self.frozen.clear()
        self._thawed.set()

    async def passed(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make the call. Raises Crashed, and what the call raises."""
        is_planned = self.plan.fault is not None and name == self.plan.call and name not in self.calls
        self.calls.append(name)
        if is_planned and not self.plan.after:
            await self._strike()
        try:
            return await call()
        finally:
            if is_planned and self.plan.after:
                await self._strike()

    async def _strike(self) -> None:
        if self.plan.fault is Fault.CRASH:
            raise Crashed(str(self.plan))
        self.frozen.set()
        await self._thawed.wait()


Observer = Callable[[str, tuple[Any, ...], Any], None]


class Gated:
    """A port behind a gate: each method passes it. `observe(name, arguments, answer)` is told of each answer."""

    def __init__(self, port: object, gate: Gate, observe: Observer) -> None:
        self._port, self._gate, self._observe = port, gate, observe

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._port, name)

        async def call(*values: Any, **named: Any) -> Any:
            async def observed() -> Any:
                answer = await method(*values, **named)
                self._observe(name, values, answer)
                return answer

            return await self._gate.passed(name, observed)

        return call
