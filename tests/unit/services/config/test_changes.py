"""The changes of a configuration as text."""

from dataclasses import replace

from app.services.config.changes import describe_changes
from app.services.config.sync import StoredWatch, compare
from tests.unit.domain.test_configuration import APP

OTHER = replace(APP, name="other")
STORED = [StoredWatch(watch=APP, position=0, present=True), StoredWatch(watch=OTHER, position=1, present=True)]


def test_nothing_to_accept() -> None:
    (line,) = describe_changes(compare(STORED, [APP, OTHER]), accepted=True)
    assert "nothing to accept" in line


def test_each_kind_of_change_is_named() -> None:
    configured = [replace(APP, observe_only=True), replace(APP, name="new"), replace(APP, name="newer")]
    *lines, end = describe_changes(compare(STORED, configured), accepted=True)
    assert lines == ["removes 1 watch: other", "adds 2 watches: new, newer", "changes 1 watch: app"]
    assert end.startswith("Accepted")


def test_a_move_is_named_as_such() -> None:
    moved = replace(OTHER, place=replace(OTHER.place, namespace="ops"))
    gone = StoredWatch(watch=replace(APP, name="gone"), position=2, present=False)
    returned = replace(gone.watch, place=moved.place)
    difference = compare([*STORED, gone], [replace(APP, observe_only=True), moved, returned])
    *lines, _ = describe_changes(difference, accepted=False)
    assert lines == ["adds 1 watch: gone", "moves to another job or repository 1 watch: other", "changes 1 watch: app"]


def test_another_order_is_a_change() -> None:
    first, end = describe_changes(compare(STORED, [OTHER, APP]), accepted=False)
    assert first == "changes the order of the watches"
    assert end.startswith("Nothing was accepted")
