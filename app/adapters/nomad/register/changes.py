"""Flattens the diff of a plan into a list of changes. Pure; it does not judge whose change it is.

The diff is a tree of fields and objects of the job, its groups and their tasks. Unchanged siblings appear in it with
the type None (docs/nomad.md, section 5).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.adapters.nomad.register.jobspec import IMPLICIT_CONSTRAINT, MARKER
from app.adapters.nomad.text import bounded
from app.domain.job import TaskKey

MARKER_FIELD = f"Meta[{MARKER}]"
_VERBS = {"Added": "is added", "Deleted": "is removed"}
# Besides images, only numbers of these blocks are shown. Any other value may be a secret, even a number in Env.
_NUMBERS_OF = frozenset(
    {"Resources", "Update", "RestartPolicy", "ReschedulePolicy", "Migrate", "EphemeralDisk", "Scaling", "LogConfig"}
)
# The attributes that the mutators demand: of Nomad, of each Vault and Consul cluster, and of what a feature needs.
_IMPLIED = re.compile(
    r"\$\{attr\.(?:nomad\..+|vault(?:\..+)?\.version|consul(?:\..+)?\.(?:version|partition|grpc|connect)"
    r"|os\.signals|kernel\.name|plugins\.(?:cni|secrets)\..+)\}"
)
_NUMBER = re.compile(r"-?[0-9]{0,20}(\.[0-9]{1,20})?|true|false")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """One field that changes: where and how. The values may be secrets, so no repr shows them.

    `whole` describes the outermost group, task or object around it that is added or removed as a whole. `implied` is
    whether it belongs to a constraint that only Nomad's servers can have added.
    """

    group: str = ""
    task: str = ""
    objects: tuple[str, ...] = ()
    name: str = ""
    kind: str = ""
    old: str = field(default="", repr=False)
    new: str = field(default="", repr=False)
    whole: str = ""
    implied: bool = False

    @property
    def key(self) -> TaskKey:
        """The task it belongs to."""
        return TaskKey(group=self.group, task=self.task)

    @property
    def is_image(self) -> bool:
        """True for the image in a driver's config."""
        return self.objects[-1:] == ("Config",) and self.name == "image"

    @property
    def is_force_pull(self) -> bool:
        """True for force_pull in a driver's config."""
        return self.objects[-1:] == ("Config",) and self.name == "force_pull"

    @property
    def line(self) -> str:
        """The change as one line, without any value that could be a secret."""
        if self.whole:
            return bounded(self.whole)
        field_name = " ".join((*self.objects, self.name))
        if not self._may_be_shown:
            return bounded(f"{self._where}: {field_name} {_VERBS.get(self.kind, 'changes')}")
        return bounded(f"{self._where}: {field_name}: {self.old or 'none'} → {self.new or 'none'}")

    @property
    def _where(self) -> str:
        parts = [f"{kind} {name}" for kind, name in (("group", self.group), ("task", self.task)) if name]
        return ", ".join(parts) or "the job"

    @property
    def _may_be_shown(self) -> bool:
        if self.is_image or self.is_force_pull or self.name == MARKER_FIELD:
            return True
        is_number = _NUMBER.fullmatch(self.old) is not None and _NUMBER.fullmatch(self.new) is not None
        return is_number and "[" not in self.name and _NUMBERS_OF.issuperset(self.objects)


def changes(diff: Mapping[str, Any]) -> tuple[JobChange, ...]:
    """All changes in a plan's `Diff`, in its order.

    The implicit constraint is left out: the server adds it again after we removed its copies.
    """
    found = list(_within(diff, JobChange()))
    for group in diff.get("TaskGroups") or ():
        at_group = _entered(group, JobChange(group=group["Name"]), f"group {group['Name']}")
        found.extend(_within(group, at_group))
        for task in group.get("Tasks") or ():
            at_task = replace(at_group, task=task["Name"])
            found.extend(_within(task, _entered(task, at_task, f"group {group['Name']}, task {task['Name']}")))
    return tuple(found)


def _within(node: Mapping[str, Any], at: JobChange) -> Iterator[JobChange]:
    for each in node.get("Fields") or ():
        if each["Type"] != "None":
            old, new = each.get("Old") or "", each.get("New") or ""
            yield replace(at, name=each["Name"], kind=each["Type"], old=old, new=new)
    for each in node.get("Objects") or ():
        if each["Type"] != "None" and not _is_implicit_constraint(each):
            implied = bool(at.group) and not at.whole and is_implied(each)
            inside = replace(at, objects=(*at.objects, each["Name"]), implied=implied)
            named = _constraint(each) if each["Name"] == "Constraint" else " ".join(inside.objects)
            yield from _within(each, _entered(each, inside, f"{at._where}: {named}"))


def _entered(node: Mapping[str, Any], at: JobChange, name: str) -> JobChange:
    """`at`, with `whole` set if the node is added or removed as a whole."""
    verb = _VERBS.get(node["Type"])
    return replace(at, whole=f"{name} {verb}") if verb and not at.whole else at


def _constraint(node: Mapping[str, Any]) -> str:
    """A constraint as a person writes it. It holds no secret: it is compared with what nodes publish."""
    values = _values(node, "New" if node["Type"] == "Added" else "Old")
    named = " ".join(values.get(name) or "" for name in ("LTarget", "Operand", "RTarget"))
    return f"constraint {' '.join(named.split())}"


def is_implied(node: Mapping[str, Any]) -> bool:
    """True for a constraint that a mutator of Nomad's servers adds at a registration, also one of a newer Nomad.

    The mutators demand an attribute of the node for a feature that the group uses: see `jobImpliedConstraints` in
    https://github.com/hashicorp/nomad/blob/main/nomad/job_endpoint_hooks.go. We post the job as it is stored, and
    check-and-set keeps others out, so nobody else can have added it.
    """
    is_added = node["Name"] == "Constraint" and node["Type"] == "Added"
    return is_added and _IMPLIED.fullmatch(_values(node, "New").get("LTarget") or "") is not None


def _values(node: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {each["Name"]: each.get(side) for each in node.get("Fields") or ()}


def _is_implicit_constraint(node: Mapping[str, Any]) -> bool:
    if node["Name"] != "Constraint" or node["Type"] not in _VERBS:
        return False
    return _values(node, "New" if node["Type"] == "Added" else "Old") == IMPLICIT_CONSTRAINT
