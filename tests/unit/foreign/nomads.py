"""Readers of Nomad's texts: refusals, events, plans, jobs and their sources."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial

import httpx
import requests

from app.adapters.nomad import errors, images
from app.adapters.nomad.explain import allocations as explain
from app.adapters.nomad.explain import logs, placement
from app.adapters.nomad.explain import task_events as task_events
from app.adapters.nomad.follow import evaluations, job_changes, promotion, snapshot
from app.adapters.nomad.http import client, polling, problem, streaming
from app.adapters.nomad.refusals import Doing
from app.adapters.nomad.register import plan
from app.adapters.nomad.register.changes import changes
from app.adapters.nomad.register.source import JobSource, image_pairs, is_named, json_job, parse_request, renamed
from app.adapters.nomad.text import bounded
from app.adapters.nomad.translate import submission
from app.domain.job import JobPatch, SpecifiedTask, Submission, TaskChange, TaskKey
from app.domain.job_change import ChangeKind
from app.domain.watch import JobPlace
from tests.unit.foreign.texts import Reader

_PLACE = JobPlace(region="", namespace="default", job_id="app")
_ORIGIN = "http://127.0.0.1:4646"
_PATCH = JobPatch(changes={TaskKey(group="app", task="server"): TaskChange(image="reg/app:v2")}, expected_index=1)


def readers() -> Iterator[tuple[str, Reader]]:
    yield from _refusals()
    yield from _events()
    yield from _streams()
    yield from _jobs()
    yield from _sources()


def _refusals() -> Iterator[tuple[str, Reader]]:
    yield "problem.refusal_of", lambda text: problem.refusal_of(_response(text))
    yield "problem.refusal_of of no type", lambda text: problem.refusal_of(_response(text, kind=""))
    yield "problem.refusal_of Retry-After", lambda text: problem.refusal_of(_response("", later=text))
    for status in (401, 404, 429, 500):
        for message in ("", "rpc error: ", "1 error occurred: * "):
            made = f"{status} {message}"

            def refusal(text: str, status: int = status, message: str = message) -> problem.Refusal:
                return problem.Refusal(status, message + text)

            yield (
                f"errors.while_reading {made}",
                partial(lambda of, text: errors.while_reading(of(text), _ORIGIN), refusal),
            )
            yield (
                f"errors.while_planning {made}",
                partial(lambda of, text: errors.while_planning(of(text), _ORIGIN, _PLACE), refusal),
            )
            yield (
                f"errors.while_writing {made}",
                partial(lambda of, text: errors.while_writing(of(text), _ORIGIN, _PLACE), refusal),
            )
            yield (
                f"promotion {made}",
                partial(
                    lambda of, text: promotion._error(of(text), _ORIGIN, verb="promote", deployment_id="d"), refusal
                ),
            )
    yield (
        "errors.while_reading logs",
        lambda text: errors.while_reading(problem.Refusal(403, text), _ORIGIN, doing=Doing.READING_LOGS, place=_PLACE),
    )
    yield (
        "promotion groups",
        lambda text: promotion._rejected(problem.Refusal(500, f'Task group "{text}'), "d", "promote"),
    )
    yield (
        "promotion numbers",
        lambda text: promotion._rejected(problem.Refusal(500, f'Task group "a" has {text}'), "d", "promote"),
    )
    yield "stream line", lambda text: job_changes._batch(text.encode(errors="replace"))
    yield "stream event", lambda text: job_changes._batch(f'{{"Index": 1, "Events": {text}}}'.encode(errors="replace"))
    yield "streaming answer", lambda text: streaming._json(text.encode(errors="replace"))
    yield "client answer", lambda text: client._as_json(_response(text), list)
    yield (
        "polling answer",
        lambda text: polling._read(httpx.Response(200, content=text.encode(errors="replace")), waited=True),
    )
    yield (
        "polling index",
        lambda text: polling._read(
            httpx.Response(200, headers={b"X-Nomad-Index": text.encode(errors="replace")}, content=b"[]"), waited=True
        ),
    )


def _streams() -> Iterator[tuple[str, Reader]]:
    yield "job_changes line", lambda text: job_changes._batch(text.encode(errors="replace"))
    for kind in ChangeKind:
        yield f"job_changes {kind}", partial(lambda topic, text: job_changes._batch(_stream_line(topic, text)), kind)
    yield "streaming answer", lambda text: streaming._json(text.encode(errors="replace"))
    yield "streaming lines", lambda text: asyncio.run(_lines(text.encode(errors="replace")))


def _stream_line(kind: ChangeKind, text: str) -> bytes:
    topic = kind.value.capitalize()
    events = [
        {"Topic": topic, "Key": text, "Payload": {topic: {"JobID": text, "Status": text}}},
        {"Topic": topic, "Key": "", "FilterKeys": [text]},
    ]
    return json.dumps({"Index": 7, "Events": events}).encode()


async def _lines(content: bytes) -> int:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 16_384):
            yield content[at : at + 16_384]

    return sum([1 async for _ in streaming._split(chunks())])


def _events() -> Iterator[tuple[str, Reader]]:
    kinds = (*task_events._ORDER, "Started")
    forms = ("{}", "Failed to pull `{}", "Failed to pull `a`: {}", "Task not running by healthy_deadline of {}",
             "Task not running for min_healthy_time of {}", "Services not healthy by deadline: {}",
             "Only {}", "a: b{}", "{}!", " {}!", "alloc/{}", "API error ({}", "rpc error: code = {}")  # fmt: skip
    for kind in kinds:
        yield f"explain.failures {kind}", partial(lambda kind, text: explain.failures([_allocation(kind, text)]), kind)
        yield f"explain.lateness {kind}", partial(lambda kind, text: explain.lateness([_allocation(kind, text)]), kind)
    for kind in ("Driver Failure", "Alloc Unhealthy", "Terminated"):
        for form in forms:
            yield (
                f"events.sentence {kind} {form}",
                partial(lambda kind, form, text: task_events.sentence(_event(kind, form.format(text))), kind, form),
            )
    yield (
        "events.sentence exit",
        lambda text: task_events.sentence(
            {"Type": "Terminated", "Details": {"exit_code": text, "signal": text, "exit_message": f": {text}!"}}
        ),
    )
    yield "text.bounded", bounded
    yield "logs.cleaned", logs.cleaned
    yield "logs.cleaned escapes", lambda text: logs.cleaned(f"\x1b[{text}")
    yield "logs.cleaned many escapes", lambda text: logs.cleaned(text.replace("a", "\x1b["))


def _jobs() -> Iterator[tuple[str, Reader]]:
    yield "placement.unplaced", lambda text: placement.unplaced(_unplaced(text))
    yield (
        "evaluations.scheduling",
        lambda text: evaluations.scheduling(
            [{"ID": "e", "Status": "failed", "StatusDescription": text, "NextEval": text, **_unplaced(text)}],
            Submission(index=1, evaluation_id="e"),
        ),
    )
    yield "translate.submission", lambda text: submission({"Warnings": text}, {"JobModifyIndex": 1})
    yield "snapshot.deployment_state", lambda text: snapshot.deployment_state({"ID": "d", "StatusDescription": text})
    yield (
        "snapshot rolled back",
        lambda text: snapshot.deployment_state({"ID": "d", "StatusDescription": f"rolling back to job version {text}"}),
    )
    yield "snapshot start", snapshot._seconds
    yield "snapshot start's fraction", lambda text: snapshot._seconds(f"2026-11-28T10:00:00.{text}Z")
    for driver in ("docker", "podman", "containerd-driver", "exec"):
        yield (
            f"images.specified_task {driver}",
            partial(
                lambda driver, text: images.specified_task(
                    TaskKey(group="app", task="server"), {"Driver": driver, "Kind": text, "Config": {"image": text}}
                ),
                driver,
            ),
        )
    yield "changes", lambda text: [each.line for each in changes(_diff(text))]
    yield "plan.preview", lambda text: plan.preview({"Diff": _diff(text), "Warnings": text}, _PATCH, {})


def _sources() -> Iterator[tuple[str, Reader]]:
    yield "source.renamed text", lambda text: list(renamed(_source(text=text), _pairs("reg/app:v1")))
    yield "source.renamed variables", lambda text: list(renamed(_source(variables=text), _pairs("reg/app:v1")))
    yield "source.renamed flags", lambda text: list(renamed(_source(flags={"a": text}), _pairs("reg/app:v1")))
    yield (
        "source.parse_request flags",
        lambda text: parse_request(
            _source(
                variables="a = 1\n" * (len(text) // 6), flags={f"a{number}": "" for number in range(len(text) // 6)}
            )
        ),
    )
    yield (
        "source.parse_request flag",
        lambda text: parse_request(_source(variables="a" * 10_000, flags={f"(a+)+{text}": ""})),
    )
    yield "source.is_named", lambda text: is_named(_source(text=text), _PATCH)
    yield "source.parse_request", lambda text: parse_request(_source(text=text, variables=text, flags={"a": text}))
    yield "source.parse_request line", lambda text: parse_request(_source(variables=f"a = {text}", flags={"a": text}))
    yield "source.json_job", lambda text: json_job(_source(text=text))


def _response(text: str, *, kind: str = "text/plain; charset=utf-8", later: str = "") -> requests.Response:
    response = requests.Response()
    response.status_code = 500
    response._content = text.encode(errors="replace")
    response.headers["Retry-After"] = later
    if kind:
        response.headers["Content-Type"] = kind
        response.encoding = "utf-8"
    return response


def _event(kind: str, text: str) -> dict[str, object]:
    return {"Type": kind, "DisplayMessage": text, "Details": {"fails_task": "true", "failed_sibling": text}}


def _allocation(kind: str, text: str) -> dict[str, object]:
    state = {"Failed": True, "State": "pending", "Events": [_event(kind, text)]}
    return {"TaskGroup": text, "ClientStatus": "failed", "DesiredDescription": text, "TaskStates": {text: state}}


def _unplaced(text: str) -> dict[str, object]:
    found = {"ConstraintFiltered": {text: 1}, "DimensionExhausted": {text: 1}, "QuotaExhausted": [text]}
    return {"FailedTGAllocs": {text: found}}


def _diff(text: str) -> dict[str, object]:
    field = {"Type": "Edited", "Name": text, "Old": text, "New": text}
    return {"Type": "Edited", "Fields": [field], "Objects": [{"Type": "Edited", "Name": text, "Fields": [field]}]}


def _source(*, text: str = "", variables: str = "", flags: dict[str, str] | None = None) -> JobSource:
    return JobSource(text=text, format="json" if text else "hcl2", flags=flags or {}, variables=variables)


def _pairs(image: str) -> tuple[tuple[SpecifiedTask, str], ...]:
    job = {
        "TaskGroups": [{"Name": "app", "Tasks": [{"Name": "server", "Driver": "docker", "Config": {"image": image}}]}]
    }
    return image_pairs(job, _PATCH)
