"""Whether an account reaches a path is read from the modes of what lies above it."""

from pathlib import Path

import pytest

from app.local.account import Account, owner_of

STRANGER = Account(uid=61_183, gid=61_183)


@pytest.mark.parametrize(("mode", "reached"), [(0o755, True), (0o711, True), (0o700, False), (0o744, False)])
def test_a_stranger_reaches_only_through_open_directories(tmp_path: Path, mode: int, reached: bool) -> None:
    door = tmp_path / "door"
    door.mkdir()
    door.chmod(mode)
    assert STRANGER.may(door, 1) is reached


def test_one_private_directory_on_the_way_is_enough(tmp_path: Path) -> None:
    inner = tmp_path / "private" / "open"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert not STRANGER.reaches(inner / "file")


def test_owner_and_group_have_their_own_bits(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o640)
    owner = owner_of(file)
    assert owner.may(file, 6)
    assert Account(uid=STRANGER.uid, gid=owner.gid).may(file, 4)
    assert not Account(uid=STRANGER.uid, gid=owner.gid).may(file, 2)
    assert not STRANGER.may(file, 4)
