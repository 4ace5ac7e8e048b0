"""Replaces images in the source of a job: its HCL or JSON, as Nomad stores it for people. Pure text work.

Whether the changed source gives the right job is for Nomad's own parse to prove. Sources hold secrets: no repr, log or
message shows them. https://developer.hashicorp.com/nomad/api-docs/jobs#read-job-submission
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.adapters.nomad.images import specified_task, tasks_of
from app.domain.job import JobPatch, SpecifiedTask
from app.domain.reference import Reference

# The default of job_max_source_size: Nomad drops a larger source (docs/nomad.md, section 6).
MAX_SIZE = 1_000_000

Pair = tuple[str, str]

_ASSIGNED = re.compile(r"(?m)^[ \t]*+([\w-]++)[ \t]*+=.*+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSource:
    """A job's source: `flags` are the values of `-var`, `variables` the text of var-files."""

    text: str = field(repr=False)
    format: str
    flags: Mapping[str, str] = field(repr=False)
    variables: str = field(repr=False)

    @property
    def size(self) -> int:
        """Its bytes as Nomad counts them."""
        parts = (self.text, self.variables, *self.flags, *self.flags.values())
        return sum(len(part.encode()) for part in parts)

    @property
    def submission(self) -> dict[str, Any]:
        """The source as part of a registration."""
        flags = dict(self.flags)
        return {"Source": self.text, "Format": self.format, "VariableFlags": flags, "Variables": self.variables}


def job_source(reply: Mapping[str, Any]) -> JobSource:
    """The source from the reply of `GET /v1/job/:id/submission`."""
    return JobSource(
        text=reply.get("Source") or "",
        format=reply.get("Format") or "hcl2",
        flags=reply.get("VariableFlags") or {},
        variables=reply.get("Variables") or "",
    )


def image_pairs(before: Mapping[str, Any], patch: JobPatch) -> tuple[tuple[SpecifiedTask, str], ...]:
    """Each task image that the patch changes, with its new text; every change once."""
    tasks = {key: specified_task(key, task) for key, task in tasks_of(before) if key in patch.changes}
    found = {}
    for key, task in tasks.items():
        if task.image != patch.changes[key].image:
            found[task.image, patch.changes[key].image] = (task, patch.changes[key].image)
    return tuple(found.values())


def renamed(source: JobSource, pairs: tuple[tuple[SpecifiedTask, str], ...]) -> Iterator[JobSource]:
    """The source with every old image replaced, in each unambiguous way, the likeliest first.

    Variables are tried before literals, and the whole image before its tag.
    """
    if not pairs:
        yield source
        return
    (task, image), *others = pairs
    spellings = tuple(_spellings(task, image))
    for put in (_in_flags, _in_variables, _in_text):
        for spelling in spellings:
            if (changed := put(source, spelling)) is not None:
                yield from renamed(changed, tuple(others))


def is_named(source: JobSource, patch: JobPatch) -> bool:
    """True if every image of the patch is in the source, whole or by its tag and digest."""
    everywhere = "\n".join((source.text, source.variables, *source.flags.values()))
    return all(
        any(text in everywhere for text in (change.image, change.image.rpartition("/")[2].partition(":")[2]) if text)
        for change in patch.changes.values()
    )


def parse_request(source: JobSource) -> dict[str, Any]:
    """The body of `POST /v1/jobs/parse`. It takes no flags, so they become assignments (docs/nomad.md, section 6)."""
    variables = _ASSIGNED.sub(lambda found: "" if found[1] in source.flags else found[0], source.variables)
    assigned = [f"{name} = {_hcl(value)}" for name, value in source.flags.items()]
    return {
        "JobHCL": source.text,
        "HCLv1": source.format == "hcl1",
        "Variables": "\n".join((variables, *assigned, "")),
        "Canonicalize": True,
    }


def json_job(source: JobSource) -> dict[str, Any] | None:
    """The job in a JSON source, with or without a `Job` object around it; None when there is none."""
    try:
        parsed = json.loads(source.text)
    except (ValueError, RecursionError):
        return None
    job = parsed.get("Job", parsed) if isinstance(parsed, dict) else None
    return job if isinstance(job, dict) and "TaskGroups" in job else None


def _spellings(task: SpecifiedTask, image: str) -> Iterator[Pair]:
    """(old, new) as a source may spell it: the whole image, then the tag with its digest, or the digest alone."""
    yield task.image, image
    if task.reference is None:
        return
    old, new = task.reference, Reference.parse(image.removeprefix(task.prefix))
    if old.spelling == new.spelling and bool(old.tag) == bool(new.tag) and (old.tag or old.digest):
        yield str(old)[len(old.spelling) + 1 :], str(new)[len(new.spelling) + 1 :]


def _in_flags(source: JobSource, pair: Pair) -> JobSource | None:
    old, new = pair
    names = [name for name, value in source.flags.items() if value == old]
    return replace(source, flags={**source.flags, names[0]: new}) if len(names) == 1 else None


def _in_variables(source: JobSource, pair: Pair) -> JobSource | None:
    old, new = pair
    assigned = rf'(?m)^[ \t]*+\w[\w-]*+[ \t]*+=[ \t]*+"{re.escape(old)}"[ \t]*+(?:(?:#|//).*+)?$'
    changed, count = re.subn(assigned, lambda found: found[0].replace(f'"{old}"', f'"{new}"'), source.variables)
    return replace(source, variables=changed) if count == 1 else None


def _in_text(source: JobSource, pair: Pair) -> JobSource | None:
    old, new = pair
    # Not the end of another name, and not the beginning of a longer one.
    changed, count = re.subn(rf"(?<![\w./@-]){re.escape(old)}(?![\w./@:-])", lambda _: new, source.text)
    return replace(source, text=changed) if count == 1 else None


def _hcl(value: str) -> str:
    """A flag's value as HCL: a collection is an expression already; other values are written as strings."""
    if value[:1] in ("[", "{"):
        return value
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
