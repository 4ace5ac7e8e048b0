"""The task events and states that a client reports for an allocation's fate. Texts are those recorded on 2.0.6-dev.

views.py adds the deprecated flat fields that repeat the details.
"""

from __future__ import annotations

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import TaskEvent, TaskState

EXIT_CODE = 3
KILLED_CODE = 137
KILL_SIGNAL = 9


def started(task: Json, now: float) -> TaskState:
    return TaskState(
        state="running", started_at=now, events=[*_set_up(now), _event("Started", now, "Task started by client")]
    )


def exited_well(state: TaskState, now: float) -> TaskState:
    details = {"exit_code": "0", "signal": "0", "oom_killed": "false"}
    return _dead(state, now, [_event("Terminated", now, "Exit Code: 0", details, ExitCode=0)])


def pull_failed(task: Json, now: float, cause: str) -> TaskState:
    image = str((task["Config"] or {}).get("image"))
    why = cause or f"Error response from daemon: manifest for {image} not found: manifest unknown: manifest unknown"
    text = f"Failed to pull `{image}`: {why}"
    events = [
        *_set_up(now),
        _event("Driver", now, "Downloading image", {"image": image}, DriverMessage="Downloading image"),
        _event("Driver Failure", now, text, {"driver_error": text}, DriverError=text),
        _not_restarting(task, now),
    ]
    return TaskState(state="dead", failed=True, finished_at=now, events=events)


def exited_badly(task: Json, now: float) -> TaskState:
    ends = [_terminated(task, now, EXIT_CODE), _not_restarting(task, now)]
    return _dead(started(task, now), now, ends, failed=True)


def out_of_memory(task: Json, now: float) -> TaskState:
    ends = [_terminated(task, now, KILLED_CODE, oom=True), _not_restarting(task, now)]
    return _dead(started(task, now), now, ends, failed=True)


def killed(task: Json, state: TaskState, now: float) -> TaskState:
    if state.state == "dead":
        return state
    patience = f"{task['KillTimeout'] / 10**9:g}s"
    ends = [
        _event("Killing", now, f"Sent interrupt. Waiting {patience} before force killing", {"kill_timeout": patience}),
        _terminated(task, now, KILLED_CODE),
        _event("Killed", now, "Task successfully killed"),
    ]
    return _dead(state, now, ends)


def sibling_failed(task: Json, now: float, sibling: str) -> TaskState:
    text = f'Task\'s sibling "{sibling}" failed'
    ends = [_event("Sibling Task Failed", now, text, {"failed_sibling": sibling}, FailedSibling=sibling)]
    return _dead(started(task, now), now, ends)


def unhealthy(now: float, reason: str) -> TaskEvent:
    return _event("Alloc Unhealthy", now, reason, {"message": reason}, Message=reason)


def _set_up(now: float) -> list[TaskEvent]:
    text = "Building Task Directory"
    return [
        _event("Received", now, "Task received by client"),
        _event("Task Setup", now, text, {"message": text}, Message=text),
    ]


def _terminated(task: Json, now: float, code: int, *, oom: bool = False) -> TaskEvent:
    """Docker describes the end in a message; other drivers report the signal."""
    details = {"exit_code": str(code), "signal": "0", "oom_killed": "true" if oom else "false"}
    if task["Driver"] == "docker":
        text = "OOM Killed" if oom else f"Docker container exited with non-zero exit code: {code}"
        details["exit_message"] = text
        shown = f'Exit Code: {code}, Exit Message: "{text}"'
        return _event("Terminated", now, shown, details, ExitCode=code, Message=text)
    signal = KILL_SIGNAL if code == KILLED_CODE else 0
    details["signal"] = str(signal)
    shown = f"Exit Code: {code}" + (f", Signal: {signal}" if signal else "")
    return _event("Terminated", now, shown, details, ExitCode=code, Signal=signal)


def _not_restarting(task: Json, now: float) -> TaskEvent:
    policy = task["RestartPolicy"]
    text = "Policy allows no restarts"
    if policy["Attempts"]:
        interval = f"{policy['Interval'] // 10**9}s"
        text = f'Exceeded allowed attempts {policy["Attempts"]} in interval {interval} and mode is "fail"'
    return _event(
        "Not Restarting", now, text, {"fails_task": "true", "restart_reason": text}, FailsTask=True, RestartReason=text
    )


def _dead(state: TaskState, now: float, ends: list[TaskEvent], *, failed: bool = False) -> TaskState:
    return TaskState(
        state="dead", failed=failed, started_at=state.started_at, finished_at=now, events=[*state.events, *ends][-10:]
    )


def _event(kind: str, now: float, shown: str, details: dict[str, str] | None = None, **flat: object) -> TaskEvent:
    return TaskEvent(kind, now, shown, details or {}, flat)
