"""Channels: from [notifiers.NAME], and from the Go service's webhook_url."""

from pathlib import Path

import pytest

from app.adapters.notifiers import CHANNELS
from tests.unit.settings.files import SOUND, faults, load

OPS = '\n[notifiers.ops]\nkind = "slack"\nwebhook_url = "https://hooks.example/ops"\n'
SLACK = '\n[notifiers.slack]\nwebhook_url = "https://hooks.example/slack"\n'
KINDS = ", ".join(CHANNELS)
TOP = 'webhook_url = "https://hooks.example/top"\n'


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, tuple[str, dict[str, str]]]:
    """(kind, keys) of each channel, by name."""
    channels = load(folder, text, environ).channels
    return {
        name: (each.kind, {key: value.reveal() for key, value in each.keys.items()}) for name, each in channels.items()
    }


def test_there_may_be_none(tmp_path: Path) -> None:
    assert read(tmp_path, SOUND) == {}


def test_any_number_each_with_its_name(tmp_path: Path) -> None:
    assert read(tmp_path, SOUND + OPS + SLACK) == {
        "ops": ("slack", {"webhook_url": "https://hooks.example/ops"}),
        "slack": ("slack", {"webhook_url": "https://hooks.example/slack"}),
    }


def test_the_key_of_the_go_service_is_a_slack_channel_beside_the_others(tmp_path: Path) -> None:
    assert read(tmp_path, TOP + SOUND + OPS) == {
        "ops": ("slack", {"webhook_url": "https://hooks.example/ops"}),
        "slack": ("slack", {"webhook_url": "https://hooks.example/top"}),
    }


def test_a_file_may_hold_the_address(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("https://hooks.example/secret\n")
    environ = {
        "REGISTRYWATCHER_NOTIFIERS__OPS__KIND": "slack",
        "REGISTRYWATCHER_NOTIFIERS__OPS__WEBHOOK_URL_FILE": str(tmp_path / "address"),
    }
    assert read(tmp_path, SOUND, environ) == {"ops": ("slack", {"webhook_url": "https://hooks.example/secret"})}


def test_another_channel_is_another_configuration(tmp_path: Path) -> None:
    without, with_ops = load(tmp_path, SOUND).configuration, load(tmp_path, SOUND + OPS).configuration
    other = load(tmp_path, SOUND + OPS.replace("/ops", "/dev")).configuration
    assert len({without, with_ops, other}) == 3


@pytest.mark.parametrize(
    ("text", "key", "problem", "fix"),
    [
        (SOUND + OPS.replace('kind = "slack"', ""), "notifiers.ops.kind", "is missing", f"Write one of {KINDS}."),
        (
            SOUND + OPS.replace('"slack"', '"pager"'),
            "notifiers.ops.kind",
            "not a known choice",
            f"Write one of {KINDS}.",
        ),
        (SOUND + OPS.replace("webhook_url", "webhook"), "notifiers.ops.webhook", "is not a known key", "webhook_url"),
        (SOUND + "\n[notifiers.slack]\n", "notifiers.slack.webhook_url", "is missing", "kind slack needs it"),
        (SOUND + OPS.replace("https", "ftp"), "notifiers.ops.webhook_url", "not a usable URL", "https://…"),
        (TOP + SOUND + SLACK, "webhook_url", "same channel as [notifiers.slack]", "only one of the two"),
    ],
)
def test_a_fault_names_its_key_and_the_fix(tmp_path: Path, text: str, key: str, problem: str, fix: str) -> None:
    found = {fault.key: fault for fault in faults(tmp_path, text)}
    assert problem in found[key].problem
    assert fix in found[key].fix
