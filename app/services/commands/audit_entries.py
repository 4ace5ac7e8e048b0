"""Audit-log entries for a command. Pure. Parts that changed nothing produce no entry."""

from collections.abc import Iterator

from app.services.commands.audit import AuditAction
from app.services.commands.rollout_commands import Destination
from app.services.commands.watch_commands import Command
from app.services.rollout.rollouts import CanaryCommand

CHECKED = (AuditAction.CHECK, "looks at it now")


def audit_entries(
    word: Command, *, pinned_before: str, auto_before: bool, brings: bool
) -> Iterator[tuple[AuditAction, str]]:
    """Each part of the word that was really said; `brings` is whether a rollout was asked for by it just now."""
    switched = word.auto_deploy is not None and word.auto_deploy != auto_before
    ruled = word.pinned_tag is not None and word.pinned_tag != pinned_before
    tag = word.deploy_request.tag if word.deploy_request else ""
    deploys = f", deploys {tag}" if brings else ""
    if word.is_reset:
        if ruled or switched or brings:
            yield AuditAction.RESET, f"follows releases, auto deploy on{deploys}"
        return
    if word.pinned_tag and (ruled or brings):
        yield AuditAction.PIN, f"pinned to {word.pinned_tag}{', deploys it' if brings else ''}"
    elif word.pinned_tag == "" and (ruled or brings):
        yield AuditAction.FOLLOW, f"follows releases{deploys}"
    elif word.pinned_tag is None and brings:
        yield AuditAction.REDEPLOY, f"deploys {tag} once, the rule stays as it is"
    if switched:
        yield (
            (AuditAction.SWITCH_ON, "auto deploy on")
            if word.auto_deploy
            else (AuditAction.SWITCH_OFF, "auto deploy off")
        )


def pausing(*, paused: bool) -> tuple[AuditAction, str]:
    """The entry for the switch of everything."""
    if paused:
        return AuditAction.PAUSE, "nothing is deployed by itself"
    return AuditAction.RESUME, "what is wanted is deployed again"


def wished(canary_command: CanaryCommand, *, before: CanaryCommand | None) -> tuple[AuditAction, str] | None:
    """The entry for a command about a rollout's canaries; None when just this was asked `before`, and is not done."""
    if canary_command is before:
        return None
    if canary_command is CanaryCommand.PROMOTE:
        return AuditAction.PROMOTE, "promotes the canaries"
    return AuditAction.FAIL, "fails the deployment"


def rolling_back(destination: Destination) -> tuple[AuditAction, str]:
    """The entry for a rollback, of one watch."""
    return AuditAction.ROLLBACK, f"goes back to {destination.tag or destination.digest}"
