"""What the audit log keeps of a command."""

from typing import Any

import pytest

from app.domain.rollout import Origin
from app.services.commands.audit import AuditAction
from app.services.commands.audit_entries import audit_entries, canary_entry, pause_entry, rollback_entry
from app.services.commands.rollout_commands import Destination
from app.services.commands.watch_commands import Command, DeployRequest
from app.services.rollout.rollouts import CanaryCommand
from tests.unit.domain.cases import D1, D2, WATCH

COMMAND = DeployRequest(origin=Origin.DEPLOY, tag="v2", digest=D2, forced=True)


def changed(
    *, brings: bool = False, pinned: str = "", auto: bool = True, **fields: Any
) -> list[tuple[AuditAction, str]]:
    action = Command(watch="app", by="ann", deploy_request=COMMAND if brings else None, **fields)
    return list(audit_entries(action, pinned_before=pinned, auto_before=auto, is_new_rollout=brings))


@pytest.mark.parametrize(
    ("fields", "entries"),
    [
        ({"pinned_tag": "v2", "brings": True}, [(AuditAction.PIN, "pinned to v2, deploys it")]),
        ({"pinned_tag": "v2"}, [(AuditAction.PIN, "pinned to v2")]),
        ({"pinned_tag": "v2", "pinned": "v2"}, []),
        ({"pinned_tag": "", "pinned": "v1"}, [(AuditAction.FOLLOW, "follows releases")]),
        ({"pinned_tag": "", "brings": True}, [(AuditAction.FOLLOW, "follows releases, deploys v2")]),
        ({"pinned_tag": ""}, []),
        ({"brings": True}, [(AuditAction.REDEPLOY, "deploys v2 once, the rule stays as it is")]),
        ({"auto_deploy": True, "auto": False}, [(AuditAction.SWITCH_ON, "auto deploy on")]),
        ({"auto_deploy": False}, [(AuditAction.SWITCH_OFF, "auto deploy off")]),
        ({"auto_deploy": True}, []),
        (
            {"pinned_tag": "v2", "auto_deploy": False},
            [(AuditAction.PIN, "pinned to v2"), (AuditAction.SWITCH_OFF, "auto deploy off")],
        ),
    ],
)
def test_each_part_that_changed_something_is_an_entry(
    fields: dict[str, Any], entries: list[tuple[AuditAction, str]]
) -> None:
    assert changed(**fields) == entries


@pytest.mark.parametrize("parts", [{"pinned": "v1"}, {"auto": False}, {"brings": True}])
def test_a_reset_is_one_entry(parts: dict[str, Any]) -> None:
    found = changed(pinned_tag="", auto_deploy=True, is_reset=True, **parts)
    deploys = ", deploys v2" if parts.get("brings") else ""
    assert found == [(AuditAction.RESET, f"follows releases, auto deploy on{deploys}")]


def test_a_reset_that_changed_nothing_is_no_entry() -> None:
    assert changed(pinned_tag="", auto_deploy=True, is_reset=True) == []


def test_commands_about_everything_and_about_rollouts_are_told() -> None:
    assert pause_entry(paused=True) == (AuditAction.PAUSE, "automatic deploys paused")
    assert pause_entry(paused=False) == (AuditAction.RESUME, "automatic deploys resumed")
    assert canary_entry(CanaryCommand.PROMOTE, before=None) == (AuditAction.PROMOTE, "promotes the canaries")
    assert canary_entry(CanaryCommand.FAIL, before=CanaryCommand.PROMOTE) == (AuditAction.FAIL, "fails the deployment")
    assert canary_entry(CanaryCommand.FAIL, before=CanaryCommand.FAIL) is None
    destination = Destination(watch=WATCH, tag="v1", digest=D1)
    assert rollback_entry(destination) == (AuditAction.ROLLBACK, "rolls back to v1")
    bare = Destination(watch=WATCH, tag="", digest=D1)
    assert rollback_entry(bare) == (AuditAction.ROLLBACK, f"rolls back to {D1}")
