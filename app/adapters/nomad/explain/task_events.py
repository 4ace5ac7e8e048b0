"""Translates one task event of Nomad into a message for people, with a weight: how much it explains. Pure.

Kinds of events: docs/nomad.md, section 10.
"""

import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any


class Weight(IntEnum):
    """How much a message explains: the cause of a failure, a symptom of it, or only a consequence."""

    CAUSE = 0
    SYMPTOM = 1
    CONSEQUENCE = 2


_ORDER = (
    "Failed Validation",
    "Setup Failure",
    "Task hook failed",
    "Failed Artifact Download",
    "Template",
    "Killing",
    "Driver Failure",
    "Disk Resources Exceeded",
    "Terminated",
    "Alloc Unhealthy",
    "Sibling Task Failed",
    "Leader Task Dead",
    "Main Tasks Dead",
    "Not Restarting",
)
_PREFIXES = {
    "Failed Validation": "the task is not valid on its node",
    "Setup Failure": "the task could not be set up",
    "Task hook failed": "the task could not be set up",
    "Failed Artifact Download": "an artifact could not be downloaded",
    "Template": "a template cannot be rendered",
    "Killing": "Nomad killed the task",
    "Disk Resources Exceeded": "the task used more disk than it may",
    "Leader Task Dead": "stopped because the group's leader task ended",
    "Main Tasks Dead": "stopped because the group's main tasks ended",
    "Not Restarting": "Nomad does not restart it",
}
# Prefixes of the Docker daemon and the plugin that explain nothing.
_NOISE = re.compile(r"Error response from daemon: |API error(?: \(\d+\))?: |rpc error: code = \w+ desc = ")
# Ids of allocations and containers, which would make one message many.
_IDS = re.compile(r" (?<!:)[0-9a-f]{64}\b|(?<=alloc/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PULL = re.compile(r"[Ff]ailed to pull `([^`]*)`: (.*)", re.DOTALL)
_DEADLINE = re.compile(r"Task not running by healthy_deadline of (\S+)")
_TOO_SHORT = re.compile(r"Task not running for min_healthy_time of (\S+) by healthy_deadline of (\S+)")
_SERVICES = re.compile(r"Services not healthy by deadline: (.+)")
_CHECKS = re.compile(r"Only (\d+) out of (\d+) checks registered and passing")

Sentence = tuple[Weight, int, str]


def sentence(event: Mapping[str, Any], *, memory: int | None = None) -> Sentence | None:
    """The event's weight, rank and message; None when it explains nothing. `memory` is the task's limit in MB."""
    kind = event.get("Type") or ""
    if kind not in _ORDER or (kind == "Killing" and not _is_true(event, "fails_task", "FailsTask")):
        return None
    weight, message = _message(kind, event, memory)
    return weight, _ORDER.index(kind), message


def may_be_checks(event: Mapping[str, Any]) -> bool:
    """True if the allocation is unhealthy although its task ran: failing checks are then the likely cause.

    Nomad reports failing checks of a group's services as `not running for min_healthy_time`.
    """
    text = text_of(event)
    return event.get("Type") == "Alloc Unhealthy" and not _DEADLINE.search(text) and "because of" not in text


def _message(kind: str, event: Mapping[str, Any], memory: int | None) -> tuple[Weight, str]:
    text = text_of(event)
    if kind == "Terminated":
        return Weight.CAUSE, _terminated(event, memory)
    if kind == "Driver Failure":
        return Weight.CAUSE, _driver(text)
    if kind == "Alloc Unhealthy":
        return _unhealthy(text)
    if kind == "Sibling Task Failed":
        sibling = _detail(event, "failed_sibling", "FailedSibling")
        return Weight.CONSEQUENCE, f'stopped because its sibling "{sibling}" failed' if sibling else text
    if kind in ("Leader Task Dead", "Main Tasks Dead"):
        return Weight.CONSEQUENCE, _PREFIXES[kind]
    weight = Weight.CONSEQUENCE if kind == "Not Restarting" else Weight.CAUSE
    return weight, f"{_PREFIXES[kind]}: {text}" if text else _PREFIXES[kind]


def _driver(text: str) -> str:
    if pull := _PULL.search(text):
        image, cause = pull[1], _tidy(pull[2])
        return f"the image could not be pulled: {'' if image in cause else f'{image}: '}{cause}"
    if re.search(r"\bpull(ing)?\b", text):
        return f"the image could not be pulled: {_tidy(text)}"
    return f"the driver could not start it: {_tidy(text) or 'Nomad gives no reason'}"


def _tidy(text: str) -> str:
    return _without_repetition(_IDS.sub("", _NOISE.sub("", text)).strip())


def _without_repetition(text: str) -> str:
    """`text` with its last part, from the last colon on, only once: Docker repeats it ("x: unknown: unknown")."""
    last = text[text.rfind(":") :]
    if not last.startswith(": "):
        return text
    end = len(text)
    while text.endswith(last, 0, end - len(last)):
        end -= len(last)
    return text[:end]


def _terminated(event: Mapping[str, Any], memory: int | None) -> str:
    message = _detail(event, "exit_message", "Message")
    if _is_true(event, "oom_killed", "") or "OOM" in message:
        return f"killed (out of memory): it used more than {f'its {memory} MB' if memory else 'it may'}"
    code, number = (_detail(event, *keys) or "0" for keys in (("exit_code", "ExitCode"), ("signal", "Signal")))
    ending = f"ended by {_signal(number)}" if number != "0" else f"exited with code {code}"
    return ending if not message or "exit code" in message.lower() else f"{ending}: {_tidy(message)}"


def _signal(number: str) -> str:
    with suppress(ValueError):
        return f"signal {number} ({signal.Signals(int(number)).name})"
    return f"signal {number}"


def _unhealthy(text: str) -> tuple[Weight, str]:
    if found := _TOO_SHORT.search(text):
        return Weight.SYMPTOM, f"it did not stay healthy for {found[1]} within its deadline of {found[2]}"
    if found := _DEADLINE.search(text):
        return Weight.SYMPTOM, f"it was not running within its deadline of {found[1]} (healthy_deadline)"
    if found := _SERVICES.search(text):
        return Weight.SYMPTOM, f"health check failed: those of its service {found[1]} did not pass in time"
    if found := _CHECKS.search(text):
        return Weight.SYMPTOM, f"health check failed: only {found[1]} of its {found[2]} checks passed in time"
    if "Service checks not registered" in text:
        return Weight.SYMPTOM, "health check failed: its service checks were not registered in time"
    if "failed task" in text:
        return Weight.CONSEQUENCE, "it is unhealthy because the task failed"
    if "dead task" in text:
        return Weight.SYMPTOM, "it is unhealthy because the task ended"
    return Weight.SYMPTOM, f"it is unhealthy: {text}" if text else "it is unhealthy"


def text_of(event: Mapping[str, Any]) -> str:
    """Nomad's own text of the event. Servers fill DisplayMessage on most reads, but not on all."""
    details = event.get("Details") or {}
    text = event.get("DisplayMessage") or event.get("Message") or ""
    return str(text or next((value for key, value in details.items() if value and key != "fails_task"), ""))


def _detail(event: Mapping[str, Any], key: str, flat: str) -> str:
    return str((event.get("Details") or {}).get(key) or event.get(flat) or "")


def _is_true(event: Mapping[str, Any], key: str, flat: str) -> bool:
    return _detail(event, key, flat).lower() == "true"
