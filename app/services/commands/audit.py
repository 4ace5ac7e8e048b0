"""The actions of the audit log: what a person may command. Values only."""

from enum import StrEnum


class AuditAction(StrEnum):
    """What a person commanded. The value is stored and shown."""

    PIN = "pin"
    FOLLOW = "follow"
    REDEPLOY = "redeploy"
    RESET = "reset"
    SWITCH_ON = "switch_on"
    SWITCH_OFF = "switch_off"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    FAIL = "fail"
    RELEASE = "release"
    PAUSE = "pause"
    RESUME = "resume"
    CHECK = "check"
    REPLAY = "replay"
