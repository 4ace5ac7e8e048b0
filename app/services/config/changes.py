"""The changes of a configuration to the watches, as text for the person who may accept it. Pure."""

from collections.abc import Iterable, Iterator

from app.services.config.sync import Difference


def describe_changes(difference: Difference, *, accepted: bool) -> Iterator[str]:
    """A line for each kind of change, and one for the effect."""
    if not difference.write and not difference.removed:
        yield "The watches in force are those of the configuration: there is nothing to accept."
        return
    for what, names in (
        ("removes", difference.removed),
        ("adds", [watch.name for watch in difference.added]),
        ("moves to another job or repository", difference.moves),
        ("changes", [watch.name for watch in difference.changed if watch.name not in difference.moves]),
    ):
        if names:
            yield f"{what} {_listed(names)}"
    if not (difference.removed or difference.added or difference.changed):
        yield "changes the order of the watches"
    if accepted:
        yield "Accepted: a process that reads this takes it within seconds; after an hour it must be accepted again."
    else:
        yield "Nothing was accepted: with --accept the running processes take what they hold back."


def _listed(names: Iterable[str]) -> str:
    ordered = list(names)
    return f"{len(ordered)} {'watch' if len(ordered) == 1 else 'watches'}: {', '.join(ordered)}"
