"""Keeps the source that Nomad stores with a job true to the job, where that can be proved. Blocking calls.

A registration without a source leaves the old image in what Nomad shows for editing (nomad.md 2.11). The changed source
is taken only if the server's own parse of it, planned, differs from the job as it runs by exactly what we register.
It must not log or quote a source, and it never stops a registration: without proof the source is stale.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Refusal, Silence
from app.adapters.nomad.register.changes import changes
from app.adapters.nomad.register.jobspec import carries
from app.adapters.nomad.register.planner import Planner, Reply
from app.adapters.nomad.register.source import (
    MAX_SIZE,
    JobSource,
    image_pairs,
    is_named,
    job_source,
    json_job,
    parse_request,
    renamed,
)
from app.adapters.nomad.register.vault import VaultToken
from app.domain.job import JobPatch, Source
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError

_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What to do about the source: `submission` goes with the registration; `note` says why there is none."""

    source: Source = Source.NONE
    note: str = ""
    submission: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPatch:
    """A registration about to be made: the job as it was read, the patch, and the plan of the edited job (None where
    the token may not plan)."""

    before: Mapping[str, Any]
    patch: JobPatch
    reply: Reply | None


class SourceKeeper:
    """Finds out whether a registration can carry a source. One read where nothing is stored."""

    def __init__(self, client: NomadClient, planner: Planner, vault: VaultToken) -> None:
        self._client = client
        self._planner = planner
        self._vault = vault

    def kept(self, place: JobPlace, planned_patch: PlannedPatch) -> Kept:
        """What becomes of the source. Raises nothing: a source is never worth a registration."""
        pairs = image_pairs(planned_patch.before, planned_patch.patch)
        if not pairs:
            return Kept()
        try:
            stored = self._stored(place, planned_patch.before)
        except RegistryWatcherError:
            # Nomad itself fails to read some back: 500 `invalid URL escape` for a flag with a percent sign.
            return _stale("Nomad could not read it back")
        if stored is None:
            return Kept()
        if planned_patch.reply is None:
            return _stale("the token may not plan, so that a changed source cannot be checked")
        if any(change.marker is not None for change in planned_patch.patch.changes.values()):
            return _stale("the registration carries a marker of ours, which no source holds")
        reason = "the old image or tag does not stand in it exactly once"
        for changed in islice(renamed(stored, pairs), _TRIES):
            reason = self._doubt(place, changed, planned_patch)
            if not reason:
                return Kept(source=Source.KEPT, submission=changed.submission)
        return _stale(reason)

    def found(self, place: JobPlace, registered: Mapping[str, Any], patch: JobPatch) -> Source:
        """What became of the source with a registration whose answer was lost, as far as the source tells."""
        try:
            stored = self._stored(place, registered)
        except RegistryWatcherError:
            return Source.STALE
        if stored is None:
            return Source.NONE
        return Source.KEPT if is_named(stored, patch) else Source.STALE

    def _stored(self, place: JobPlace, job: Mapping[str, Any]) -> JobSource | None:
        version = str(job.get("Version") or 0)
        reply = self._client.get(place, "job", place.job_id, "submission", shape=dict, version=version)
        return job_source(reply) if reply else None

    def _doubt(self, place: JobPlace, changed: JobSource, planned_patch: PlannedPatch) -> str:
        """Why the changed source is not known to give the wanted job; "" when it is."""
        if changed.size > MAX_SIZE:
            return "it is larger than Nomad keeps (job_max_source_size)"
        parsed = json_job(changed) if changed.format == "json" else self._parsed(place, changed)
        if parsed is None:
            return "Nomad could not parse it with the new image, or the token may not let it (parse-job)"
        if parsed.get("ID") != place.job_id or not carries(parsed, planned_patch.patch):
            return "it does not give the new image when the old one is replaced in it"
        try:
            planned = self._planner.plan(
                place, self._vault.added_to(parsed), expected_index=planned_patch.patch.expected_index
            )
        except RegistryWatcherError:
            planned = None
        if planned is None or _differences(planned) != _differences(planned_patch.reply or {}):
            return "it differs from the job as it runs in more than the image (a count set by an autoscaler, say)"
        return ""

    def _parsed(self, place: JobPlace, source: JobSource) -> dict[str, Any] | None:
        try:
            return self._client.post(place, "jobs", "parse", body=parse_request(source))
        except (Refusal, Silence):
            return None


def _differences(planned: Reply) -> Counter[tuple[object, ...]]:
    found = changes(planned.get("Diff") or {})
    return Counter((each.key, each.objects, each.name, each.kind, each.old, each.new) for each in found)


def _stale(reason: str) -> Kept:
    return Kept(source=Source.STALE, note=refusals.source_stale(reason))
