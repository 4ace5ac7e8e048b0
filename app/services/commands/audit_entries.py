"""Audit-log entries for a command. Pure. Parts that changed nothing produce no entry."""

from collections.abc import Iterator

from app.services.commands.audit import AuditAction
from app.services.commands.rollout_commands import Destination
from app.services.commands.watch_commands import Command
from app.services.rollout.rollouts import CanaryCommand

CHECK_ENTRY = (AuditAction.CHECK, "checks it now")


def audit_entries(
    command: Command, *, pinned_before: str, auto_before: bool, is_new_rollout: bool
) -> Iterator[tuple[AuditAction, str]]:
    """One entry for each part of the command that changed something; `is_new_rollout` is True if it requested one."""
    switched = command.auto_deploy is not None and command.auto_deploy != auto_before
    ruled = command.pinned_tag is not None and command.pinned_tag != pinned_before
    tag = command.deploy_request.tag if command.deploy_request else ""
    deploys = f", deploys {tag}" if is_new_rollout else ""
    if command.is_reset:
        if ruled or switched or is_new_rollout:
            yield AuditAction.RESET, f"follows releases, auto deploy on{deploys}"
        return
    if command.pinned_tag and (ruled or is_new_rollout):
        yield AuditAction.PIN, f"pinned to {command.pinned_tag}{', deploys it' if is_new_rollout else ''}"
    elif command.pinned_tag == "" and (ruled or is_new_rollout):
        yield AuditAction.FOLLOW, f"follows releases{deploys}"
    elif command.pinned_tag is None and is_new_rollout:
        yield AuditAction.REDEPLOY, f"deploys {tag} once, the rule stays as it is"
    if switched:
        yield (
            (AuditAction.SWITCH_ON, "auto deploy on")
            if command.auto_deploy
            else (AuditAction.SWITCH_OFF, "auto deploy off")
        )


def pause_entry(*, paused: bool) -> tuple[AuditAction, str]:
    """The entry for the pause of all automatic deploys, or for its end."""
    if paused:
        return AuditAction.PAUSE, "automatic deploys paused"
    return AuditAction.RESUME, "automatic deploys resumed"


def canary_entry(canary_command: CanaryCommand, *, before: CanaryCommand | None) -> tuple[AuditAction, str] | None:
    """The entry for a command about a rollout's canaries; None if `before` is the same command, not yet carried out."""
    if canary_command is before:
        return None
    if canary_command is CanaryCommand.PROMOTE:
        return AuditAction.PROMOTE, "promotes the canaries"
    return AuditAction.FAIL, "fails the deployment"


def rollback_entry(destination: Destination) -> tuple[AuditAction, str]:
    """The entry for the rollback of one watch."""
    return AuditAction.ROLLBACK, f"rolls back to {destination.tag or destination.digest}"
