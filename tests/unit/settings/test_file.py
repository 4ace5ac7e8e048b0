"""Which file is read, and whether it has changed."""

from pathlib import Path

import pytest

from app.errors import ConfigError
from app.settings import load_settings
from app.settings.file import find_file
from tests.unit.settings.files import SOUND


def test_the_requested_file_comes_first_then_the_variable_then_the_places(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    second.touch()
    named = {"REGISTRYWATCHER_CONFIG": "named.toml"}
    assert find_file(Path("asked.toml"), named, (second,)) == Path("asked.toml")
    assert find_file(None, named, (second,)) == Path("named.toml")
    assert find_file(None, {"REGISTRYWATCHER_CONFIG": ""}, (first, second)) == second
    assert find_file(None, {}, (first,)) is None


def test_a_named_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: file: cannot be read \(No such file or directory\)"):
        load_settings(tmp_path / "absent.toml", {})


def test_no_file_and_no_variable_is_a_fault_that_names_the_searched_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {"DATABASE_URL": "postgres://x"}, places=(tmp_path / "absent.toml",))
    (fault,) = caught.value.faults
    assert str(tmp_path / "absent.toml") in fault.problem
    assert "--config" in fault.fix


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SOUND.encode().replace(b"\n", b"\r\n"))
    assert [watch.name for watch in load_settings(file, {}).watches] == ["app"]
