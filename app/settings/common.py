"""The fingerprint of the settings that all processes of one installation should share, to find those that differ.

It leaves out the settings of one process or host: addresses to listen on, Postgres and Redis, paths of files, Nomad's
address, since each host may use its own agent and each task its own socket, and Nomad's tokens, which Nomad gives to
each task. It reveals no secret.
"""

import hashlib
import json

from app.domain.configuration import fingerprint
from app.settings.values import Settings


def in_common(settings: Settings) -> str:
    """The fingerprint, equal for processes with the same shared settings, however their files are written."""
    nomad = settings.nomad
    shared = {
        "watches": fingerprint(settings.watches),
        "registries": [
            [name, each.scheme, each.domain, each.prefix, each.username, each.password.reveal()]
            for name, each in sorted(settings.registries.items())
        ],
        "nomad": [nomad.region, nomad.namespace, nomad.skip_verify],
        "webhooks": [
            [name, source.kind, [secret.reveal() for secret in source.secrets]]
            for name, source in sorted(settings.webhook_sources.items())
        ],
        "tokens": sorted([token.name, token.role.value, token.secret.reveal()] for token in settings.api_tokens),
        "channels": [
            [name, channel.kind, sorted((key, value.reveal()) for key, value in channel.keys.items())]
            for name, channel in sorted(settings.channels.items())
        ],
        "rest": [
            settings.external_url,
            settings.poll_interval,
            settings.observe_only,
            settings.max_body_bytes,
            settings.retention_days,
            settings.rollout_stall_after,
            settings.rollout_deadline,
            settings.job_reread_interval,
            settings.lease_seconds,
            settings.max_rollouts,
            settings.stop_after_failure,
        ],
    }
    return hashlib.sha256(json.dumps(shared).encode()).hexdigest()
