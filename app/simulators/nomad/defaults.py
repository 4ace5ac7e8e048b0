"""Nomad's defaults for the fields that a posted job leaves out. Data, as read back from 2.0.6-dev (job-corpus.json)."""

from __future__ import annotations

from app.simulators.nomad.refusal import Json

SECOND = 1_000_000_000

JOB: Json = {
    "Affinities": None, "AllAtOnce": False, "Constraints": None, "ConsulNamespace": "", "CreateIndex": 0,
    "Datacenters": ["*"], "DispatchIdempotencyToken": "", "Dispatched": False, "ID": "", "JobModifyIndex": 0,
    "Meta": None,
    "ModifyIndex": 0, "Multiregion": None, "Name": "", "Namespace": "default", "NodePool": "default",
    "NomadTokenID": "",
    "ParameterizedJob": None, "ParentID": "", "Payload": None, "Periodic": None, "Priority": 50, "Region": "global",
    "Spreads": None, "Stable": False, "Status": "pending", "StatusDescription": "", "Stop": False, "SubmitTime": 0,
    "TaskGroups": None, "Type": "service", "UI": None, "Update": None, "VaultNamespace": "", "Version": 0,
    "VersionTag": None,
}  # fmt: skip

GROUP: Json = {
    "Affinities": None, "Constraints": None, "Consul": None, "Count": 1, "Disconnect": None, "EphemeralDisk": None,
    "MaxClientDisconnect": None, "MaxRunDuration": None, "Meta": None, "Migrate": None, "Name": "", "Networks": None,
    "PreventRescheduleOnLost": False, "ReschedulePolicy": None, "RestartPolicy": None, "Scaling": None,
    "Services": None,
    "ShutdownDelay": None, "Spreads": None, "StopAfterClientDisconnect": None, "Tasks": None, "Update": None,
    "Volumes": None,
}  # fmt: skip

TASK: Json = {
    "Actions": None, "Affinities": None, "Artifacts": None, "CSIPluginConfig": None, "Config": None,
    "Constraints": None,
    "Consul": None, "DispatchPayload": None, "Driver": "", "Env": None, "Identities": None, "Identity": None,
    "KillSignal": "",
    "KillTimeout": 5 * SECOND, "Kind": "", "Leader": False, "Lifecycle": None, "LogConfig": None, "Meta": None,
    "Name": "",
    "Resources": None, "RestartPolicy": None, "ScalingPolicies": None, "Schedule": None, "Secrets": None,
    "Services": None,
    "ShutdownDelay": 0, "Templates": None, "User": "", "Vault": None, "VolumeMounts": None,
}  # fmt: skip

UPDATE: Json = {
    "AutoPromote": False, "AutoRevert": False, "Canary": 0, "HealthCheck": "checks", "HealthyDeadline": 300 * SECOND,
    "MaxParallel": 1, "MinHealthyTime": 10 * SECOND, "ProgressDeadline": 600 * SECOND, "Stagger": 30 * SECOND,
}  # fmt: skip
NO_UPDATE: Json = {**dict.fromkeys(UPDATE, 0), "AutoPromote": False, "AutoRevert": False, "HealthCheck": ""}

RESTART: dict[str, Json] = {
    "service": {
        "Attempts": 2,
        "Delay": 15 * SECOND,
        "Interval": 1800 * SECOND,
        "Mode": "fail",
        "RenderTemplates": False,
    },
    "batch": {
        "Attempts": 3,
        "Delay": 15 * SECOND,
        "Interval": 86400 * SECOND,
        "Mode": "fail",
        "RenderTemplates": False,
    },
}
RESCHEDULE: dict[str, Json] = {
    "service": {"Attempts": 0, "Delay": 30 * SECOND, "DelayFunction": "exponential", "Interval": 0,
                "MaxDelay": 3600 * SECOND, "Unlimited": True},
    "batch": {"Attempts": 1, "Delay": 5 * SECOND, "DelayFunction": "constant", "Interval": 86400 * SECOND,
              "MaxDelay": 0, "Unlimited": False},
}  # fmt: skip
MIGRATE: Json = {
    "HealthCheck": "checks", "HealthyDeadline": 300 * SECOND, "MaxParallel": 1, "MinHealthyTime": 10 * SECOND,
}  # fmt: skip
EPHEMERAL_DISK: Json = {"Migrate": False, "SizeMB": 300, "Sticky": False}
LOG_CONFIG: Json = {"Disabled": False, "MaxFileSizeMB": 10, "MaxFiles": 10}
RESOURCES: Json = {
    "CPU": 100, "Cores": 0, "Devices": None, "DiskMB": 0, "IOPS": 0, "MemoryMB": 300, "MemoryMaxMB": 0, "NUMA": None,
    "Networks": None, "SecretsMB": 0,
}  # fmt: skip
IDENTITY: Json = {
    "Audience": ["nomadproject.io"], "ChangeMode": "", "ChangeSignal": "", "Env": False, "ExtraClaims": None,
    "File": False,
    "Filepath": "", "Name": "default", "ServiceName": "", "TTL": 0,
}  # fmt: skip
PERIODIC: Json = {
    "Enabled": True,
    "ProhibitOverlap": False,
    "Spec": "",
    "SpecType": "cron",
    "Specs": None,
    "TimeZone": "UTC",
}
PARAMETERIZED: Json = {"MetaOptional": None, "MetaRequired": None, "Payload": "optional"}
