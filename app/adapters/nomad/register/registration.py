"""Registers one patch by check-and-set, after a plan where the token may plan. Blocking calls.

A registration has no idempotency token: the expected index fences it (docs/nomad.md, section 4), and reading the job
back tells who changed it. Nothing is ever posted twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Refusal, Silence
from app.adapters.nomad.register.jobspec import edited
from app.adapters.nomad.register.keep_source import KeptSource, PlannedPatch, SourceKeeper
from app.adapters.nomad.register.plan import preview
from app.adapters.nomad.register.planner import Planner, Reply
from app.adapters.nomad.register.settling import Settling
from app.adapters.nomad.register.vault import VaultToken
from app.adapters.nomad.translate import submission, unusable
from app.domain.job import JobPatch, Preview, SourceState, Submission
from app.domain.watch import JobPlace
from app.errors import JobChanged, JobRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """A patch applied to a job: the job as read, the job to post, and the place for all further calls."""

    place: JobPlace
    before: dict[str, Any]
    job: dict[str, Any]
    patch: JobPatch
    planned: Reply | None

    @property
    def preview(self) -> Preview:
        if self.planned is None:
            return Preview(allowed=False)
        return preview(self.planned, self.patch, self.job)


class Registration:
    """The writing half of the deployer."""

    def __init__(self, client: NomadClient, vault: VaultToken) -> None:
        self._client = client
        self._vault = vault
        self._planner = Planner(client)
        self._sources = SourceKeeper(client, self._planner, vault)
        self._settling = Settling(client, self._sources)
        self._unplanned: set[str] = set()

    def preview(self, place: JobPlace, patch: JobPatch) -> Preview:
        """As `Deployer.preview` of app/ports.py."""
        return self._edit(place, patch).preview

    def submit(self, place: JobPlace, patch: JobPatch) -> Submission:
        """As `Deployer.submit` of app/ports.py."""
        edit = self._edit(place, patch)
        if foreign := edit.preview.foreign:
            raise JobRejected(refusals.drift(refusals.name_of(place), foreign))
        kept = self._sources.kept(edit.place, PlannedPatch(before=edit.before, patch=patch, reply=edit.planned))
        return self._with_notes(edit, kept, self._post(edit, kept.submission))

    def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """As `Deployer.recover` of app/ports.py."""
        return self._settling.recover(place, patch)

    def _edit(self, place: JobPlace, patch: JobPatch) -> _Edit:
        """Read, edit and plan the job; nothing is written."""
        before = self._client.job(place)
        if before is None:
            raise JobChanged(refusals.gone(refusals.name_of(place)))
        if before["JobModifyIndex"] != patch.expected_index:
            raise JobChanged(
                refusals.moved(refusals.name_of(place), found=before["JobModifyIndex"], expected=patch.expected_index)
            )
        if reason := unusable(before):
            raise JobRejected(reason)
        job = self._vault.added_to(edited(before, patch))
        within = self._client.within(place, before)
        planned = self._planner.plan(within, job, expected_index=patch.expected_index)
        return _Edit(place=within, before=before, job=job, patch=patch, planned=planned)

    def _post(self, edit: _Edit, source: Mapping[str, Any] | None) -> Submission:
        body = {"Job": edit.job, "EnforceIndex": True, "JobModifyIndex": edit.patch.expected_index}
        try:
            reply = self._client.register(edit.place, {**body, "Submission": source} if source else body)
        except (Refusal, Silence) as problem:
            return self._settling.settled(edit.place, edit.patch, problem)
        made = submission(reply, edit.before)
        return made if made.changed else self._settling.unchanged(edit.place, edit.patch, made)

    def _with_notes(self, edit: _Edit, kept: KeptSource, made: Submission) -> Submission:
        """Add what became of the source and, once for each namespace, a warning that nothing was planned."""
        warnings = made.warnings
        namespace = edit.place.namespace or "default"
        if edit.planned is None and namespace not in self._unplanned:
            self._unplanned.add(namespace)
            warnings = "; ".join(filter(None, (warnings, refusals.unplanned(namespace))))
        dropped = kept.source is SourceState.KEPT and "will be discarded" in warnings
        source = SourceState.STALE if dropped else kept.source
        note = refusals.source_stale("Nomad dropped it as too large (job_max_source_size)") if dropped else kept.note
        return replace(made, warnings=warnings, source=source, source_note=note)
