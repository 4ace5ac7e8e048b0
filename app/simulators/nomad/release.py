"""The simulated version of Nomad, and how it differs from the newest one. (docs/nomad.md, section 15)

The rest of the simulator behaves like the newest version. This module has what an older one leaves out, adds or words
differently.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.simulators.nomad.refusal import Json

CONSUL = {"Cluster": "default", "Namespace": "", "Partition": ""}
NO_TOKENS = {"ConsulToken": "", "VaultToken": ""}
NO_RESCHEDULE: Json = {
    "Attempts": 0, "Delay": 0, "DelayFunction": "", "Interval": 0, "MaxDelay": 0, "Unlimited": False,
}  # fmt: skip
NEWER_PLAN_COUNTS = ("Disconnect", "Reconnect", "RescheduleLater", "RescheduleNow")
CAME_WITH: dict[str, tuple[int, int, int]] = {  # fields by the first version that shows them
    "UI": (1, 8, 0), "Disconnect": (1, 8, 0), "Schedule": (1, 8, 0), "Paused": (1, 8, 0),
    "VersionTag": (1, 9, 0), "Filepath": (1, 9, 0), "SecretsMB": (1, 9, 0), "AddressIPv6": (1, 9, 0),
    "CreateTime": (1, 9, 5), "ModifyTime": (1, 9, 5),
    "Secrets": (1, 11, 0), "MaxRunDuration": (2, 0, 3), "ExtraClaims": (2, 0, 3),
}  # fmt: skip
VERSION_KEPT_SINCE = {(1, 10): 10, (1, 11): 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVersion:
    """A version of Nomad. `text` is the agent's own version string, as in "1.9.7"."""

    text: str
    number: tuple[int, int, int]

    @classmethod
    def of(cls, text: str) -> SimulatedVersion:
        """From "2.0.6" or "2.0.6-dev". ValueError for anything else."""
        major, minor, patch = (int(part) for part in text.partition("-")[0].split("."))
        return cls(text=text, number=(major, minor, patch))

    @property
    def modern(self) -> bool:
        """1.10 and later. Before it, jobs had token fields, and evaluations had no annotations."""
        return self.number >= (1, 10, 0)

    @property
    def system_deployments(self) -> bool:
        return self.number >= (1, 11, 0)

    @property
    def deployments_keep_running(self) -> bool:
        """Whether a job counts as running while its deployment is active, although nothing was placed."""
        return self.number >= (2, 0, 1)

    @property
    def warns_of_shutdown_delay(self) -> bool:
        return self.number >= (2, 0, 1)

    @property
    def takes_posted_version(self) -> bool:
        """Whether the Version in a posted job matters: for the job's source, and if it is larger."""
        minor = self.number[:2]
        return self.number >= (2, 0, 0) or self.number[2] >= VERSION_KEPT_SINCE.get(minor, self.number[2] + 1)

    @property
    def streams_before_checking(self) -> bool:
        """Whether a forbidden event stream is a 200 that sends nothing, instead of a 403."""
        return self.number >= (1, 11, 2) or (1, 10, 8) <= self.number < (1, 11, 0)

    def job(self, job: Json) -> Json:
        """A stored job as this version shows it."""
        if self.number >= max(CAME_WITH.values()):
            return job
        groups = [self._group(group) for group in job["TaskGroups"] or ()]
        return {**self._known(job), **({} if self.modern else NO_TOKENS), "TaskGroups": groups or None}

    def deployment(self, shown: Json) -> Json:
        return self._known(shown)

    def stored(self, job: Json) -> Json:
        """A canonical job as this version stores it."""
        if not self.modern:
            for group in job["TaskGroups"] or ():
                group["Consul"] = group["Consul"] or CONSUL
                if job["Type"] == "sysbatch":
                    group["ReschedulePolicy"] = group["ReschedulePolicy"] or dict(NO_RESCHEDULE)
        return job

    def deploys(self, job: Json) -> bool:
        """Whether jobs of this type have deployments."""
        return job["Type"] == "service" or (job["Type"] == "system" and self.system_deployments)

    def evaluation(self, shown: Json) -> Json:
        if not self.modern:
            shown.pop("PlanAnnotations", None)
        return shown

    def allocation(self, shown: Json) -> Json:
        if not self.modern:
            if transition := shown.get("DesiredTransition"):
                shown["DesiredTransition"] = {k: v for k, v in transition.items() if k != "MigrateDisablePlacement"}
            for name, state in (shown.get("TaskStates") or {}).items():
                shown["TaskStates"][name] = {**self._known(state), "TaskHandle": None}
        return shown

    def metric(self, shown: Json) -> Json:
        """The AllocMetric of a group that was not placed."""
        exhausted = {task: self._known(resources) for task, resources in (shown["ResourcesExhausted"] or {}).items()}
        kept = {key: value for key, value in shown.items() if key != "NodePool" or self.number >= (1, 10, 4)}
        return {**kept, "ResourcesExhausted": exhausted or None}

    def plan(self, reply: Json) -> Json:
        if not self.modern:
            for counts in reply["Annotations"]["DesiredTGUpdates"].values():
                for key in NEWER_PLAN_COUNTS:
                    counts.pop(key, None)
        return reply

    def resources(self, shown: Json) -> Json:
        """The resources of an allocation or a task."""
        return self._known(shown)

    def _group(self, group: Json) -> Json:
        return {**self._known(group), "Tasks": [self._task(t) for t in group["Tasks"] or ()] or None}

    def _task(self, task: Json) -> Json:
        shown = self._known(task)
        shown["Resources"] = self._known(task["Resources"])
        if task["Identity"]:
            shown["Identity"] = self._known(task["Identity"])
        if task["Identities"]:
            shown["Identities"] = [self._known(identity) for identity in task["Identities"]]
        return shown

    def _known(self, shown: Json) -> Json:
        """The fields that this version has."""
        return {key: value for key, value in shown.items() if self.number >= CAME_WITH.get(key, self.number)}
