"""Finds out whether a registration was applied when its answer was lost. Blocking calls that only read.

The job's index and the images in it settle the question (docs/nomad.md, section 14).
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import is_not_now, may_be_applied, while_writing
from app.adapters.nomad.http.client import NomadClient
from app.adapters.nomad.http.problem import Problem
from app.adapters.nomad.register.jobspec import carries
from app.adapters.nomad.register.keep_source import SourceKeeper
from app.adapters.nomad.translate import submission_read_back
from app.domain.job import JobPatch, Submission
from app.domain.watch import JobPlace
from app.errors import JobChanged, OutcomeUnknown, RegistryWatcherError

# Seconds between reads. A write that hung may be applied a moment after its connection broke.
_SETTLE = (0.0, 0.1, 0.25, 0.5, 1.0)


class Settling:
    """Reads back what a registration did."""

    def __init__(self, client: NomadClient, sources: SourceKeeper) -> None:
        self._client = client
        self._sources = sources

    def recover(self, place: JobPlace, patch: JobPatch) -> Submission | None:
        """As `Deployer.recover` of app/ports.py.

        A patch that was applied and then replaced, for example by Nomad's own rollback, is found among the versions;
        `observe` reports its course.
        """
        ours = self._applied(place, patch)
        if ours is None:
            return None
        within = self._client.within(place, ours)
        return replace(self._read_back(within, ours), source=self._sources.found(within, ours, patch))

    def settled(self, place: JobPlace, patch: JobPatch, problem: Problem) -> Submission:
        """Return the submission if it was applied after all. Raises when it was not, or when that is unknown."""
        certain = while_writing(problem, self._client.origin, place)
        if certain is not None and not is_not_now(problem):
            raise certain
        found, why = self._find_applied(place, patch, tries=_SETTLE if may_be_applied(problem) else _SETTLE[:1])
        if found is not None:
            return found
        if certain is not None:
            raise certain
        raise OutcomeUnknown(refusals.outcome_unknown(refusals.name_of(place), str(problem), why)) from problem

    def unchanged(self, place: JobPlace, patch: JobPatch, answered: Submission) -> Submission:
        """Check an answer that says that the job was specified so already. Raises OutcomeUnknown when it is not."""
        job = self._client.job(place)
        if job is None:
            raise JobChanged(refusals.gone(refusals.name_of(place)))
        if carries(job, patch):
            return answered
        raise OutcomeUnknown(refusals.not_applied(refusals.name_of(place)))

    def _find_applied(
        self, place: JobPlace, patch: JobPatch, *, tries: tuple[float, ...]
    ) -> tuple[Submission | None, str]:
        why = ""
        for pause in tries:
            time.sleep(pause)
            try:
                applied = self._applied(place, patch)
                if applied is not None:
                    return self._read_back(place, applied), ""
            except JobChanged:
                raise
            except RegistryWatcherError as error:
                why = f": {error}"
                continue
            why = ": the job is as before"
        return None, why

    def _applied(self, place: JobPlace, patch: JobPatch) -> Mapping[str, Any] | None:
        """The version of the job that our registration made; None when the job is unchanged."""
        job = self._client.job(place)
        if job is None:
            raise JobChanged(refusals.gone(refusals.name_of(place)))
        if job["JobModifyIndex"] == patch.expected_index:
            return None
        ours = job if carries(job, patch) else self._earlier(self._client.within(place, job), patch)
        if ours is None:
            raise JobChanged(refusals.moved_on(refusals.name_of(place), found=job["JobModifyIndex"]))
        return ours

    def _earlier(self, place: JobPlace, patch: JobPatch) -> Mapping[str, Any] | None:
        """The first version after the expected index that carries the patch."""
        later = [each for each in self._client.versions(place) if each["JobModifyIndex"] > patch.expected_index]
        return min(
            (each for each in later if carries(each, patch)), key=lambda each: each["JobModifyIndex"], default=None
        )

    def _read_back(self, place: JobPlace, ours: Mapping[str, Any]) -> Submission:
        return submission_read_back(ours["JobModifyIndex"], self._client.of_job(place, "evaluations"))
