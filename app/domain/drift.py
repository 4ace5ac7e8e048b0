"""Drift: changes of a watched task's image that were not ours. Pure.

An image is named by its `identity`, and a task by "group/task".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.history import History, identity
from app.domain.job import SpecifiedTask

_DIGEST_SHOWN = len("sha256:") + 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedImage:
    """The image of one task was changed outside: `before` and `after` are identities."""

    task: str
    before: str
    after: str


def drifted(tasks: Sequence[SpecifiedTask], expected: Mapping[str, str]) -> bool:
    """Whether a task's image differs from the one that our last rollout or, before any, the first check left there."""
    return any(expected.get(str(task.key), identity(task)) != identity(task) for task in tasks)


def with_baseline(tasks: Sequence[SpecifiedTask], history: History) -> History:
    """The history that also expects the images of tasks that were never checked before, as they are now."""
    return replace(history, expected={**_identities(tasks), **history.expected})


def accepted(tasks: Sequence[SpecifiedTask], history: History) -> History:
    """The history that expects the tasks' images as they are now."""
    return replace(history, expected={**history.expected, **_identities(tasks)})


def outside_changes(tasks: Sequence[SpecifiedTask], known: Mapping[str, str]) -> tuple[DriftedImage, ...]:
    """The tasks whose image is another than the last one `known`, which our rollouts or the last check left there."""
    return tuple(
        DriftedImage(task=str(task.key), before=known[str(task.key)], after=identity(task))
        for task in tasks
        if known.get(str(task.key), identity(task)) != identity(task)
    )


def described(changes: Sequence[DriftedImage]) -> str:
    """For people: "from v1.1.0 to v1.0.0", with the names of tasks where they differ."""
    whole = {_described(change) for change in changes}
    if len(whole) == 1:
        return whole.pop()
    return ", ".join(f"{change.task} {_described(change)}" for change in changes)


def _described(change: DriftedImage) -> str:
    before, after = _split(change.before), _split(change.after)
    if not change.before or not change.after or before[0] != after[0]:
        return f"from {_name(*before)} to {_name(*after)}"
    same_tag = before[1] == after[1]
    return f"from {_version(before, same_tag=same_tag)} to {_version(after, same_tag=same_tag)}"


def _split(image: str) -> tuple[str, str, str]:
    """The repository, tag and digest of an identity."""
    named, _, digest = image.partition("@")
    path, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{path}{slash}{name}", tag, digest


def _name(repository: str, tag: str, digest: str) -> str:
    version = f":{tag}" if tag else (f"@{digest[:_DIGEST_SHOWN]}" if digest else "")
    return f"{repository}{version}" if repository else "an image that cannot be followed"


def _version(image: tuple[str, str, str], *, same_tag: bool) -> str:
    _, tag, digest = image
    shown = digest[:_DIGEST_SHOWN]
    if same_tag and tag and shown:
        return f"{tag} ({shown})"
    return tag or shown or "latest"


def _identities(tasks: Sequence[SpecifiedTask]) -> dict[str, str]:
    return {str(task.key): identity(task) for task in tasks}
