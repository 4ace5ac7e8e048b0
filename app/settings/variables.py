"""Names of environment variables: the key that each sets, directly or by a file.

`REGISTRYWATCHER_POLL_INTERVAL` is `poll_interval`; `REGISTRYWATCHER_REGISTRY_MAP__HUB__REGISTRY_AUTH` is
`registry_auth` of `[registry_map.hub]`; `-` and `.` of a name become `_`. A secret has a second variable, which ends in
`_FILE`.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.settings.document import NAMED_TABLES, Document, is_secret, table_at
from app.settings.faults import Place
from app.settings.nearest import nearest

PREFIX = "REGISTRYWATCHER_"
USUAL_NAMES: dict[str, Place] = {
    "DATABASE_URL": ("database_url",),
    "REDIS_URL": ("redis_url",),
    "VAULT_TOKEN": ("nomad", "vault_token"),
    "NOMAD_ADDR": ("nomad", "address"),
    "NOMAD_TOKEN": ("nomad", "token"),
    "NOMAD_TOKEN_FILE": ("nomad", "token_file"),
    "NOMAD_NAMESPACE": ("nomad", "namespace"),
    "NOMAD_REGION": ("nomad", "region"),
    "NOMAD_CACERT": ("nomad", "ca_cert"),
    "NOMAD_CAPATH": ("nomad", "ca_path"),
    "NOMAD_CLIENT_CERT": ("nomad", "client_cert"),
    "NOMAD_CLIENT_KEY": ("nomad", "client_key"),
    "NOMAD_TLS_SERVER_NAME": ("nomad", "tls_server_name"),
    "NOMAD_SKIP_VERIFY": ("nomad", "skip_verify"),
    "NOMAD_HTTP_AUTH": ("nomad", "http_auth"),
}
_FILE = "_FILE"
_OTHER_USES = frozenset({"CONFIG", "LOG_LEVEL", "LOG_FORMAT", "HEALTH_ADDRESS"})
_KUBERNETES = re.compile(
    r"SERVICE_(?:HOST|PORT)(?:_\w+)?|PORT(?:_\d+_\w+)?"
)  # Kubernetes sets these for a service with our name


class Meaning(NamedTuple):
    """The key that a variable sets; with `from_file` its value is the path of a file with the secret."""

    place: Place
    from_file: bool


def is_ours(name: str) -> bool:
    """Whether the variable sets a key: it has our prefix, and is none of the prefix's other uses."""
    rest = name.removeprefix(PREFIX)
    return rest != name and rest not in _OTHER_USES and _KUBERNETES.fullmatch(rest) is None


class Vocabulary:
    """Reads variable names by the names in the file: `my-app` and `my.app` both become MY_APP."""

    def __init__(self, tables: Mapping[str, Any], watched: list[str]) -> None:
        self._tables = tables
        self._watched = watched

    def meaning(self, name: str) -> Meaning | None:
        """The meaning of `name`, None when no key has that form."""
        place = self._place(name)
        if place is not None:
            return Meaning(place, from_file=False)
        place = self._place(name.removesuffix(_FILE)) if name.endswith(_FILE) else None
        table = table_at(place[:-1]) if place else None
        return Meaning(place, from_file=True) if place and table and is_secret(table, place[-1]) else None

    def suggestion(self, name: str) -> str:
        """Our variable that is nearest to `name`; "" when none is near."""
        *head, last = name.removeprefix(PREFIX).split("__")
        if len(head) == 1 and head[0].lower() in NAMED_TABLES:
            head.append("NAME")
        table = table_at(tuple(part.lower() for part in head[:2]))
        found = nearest(last, table.model_fields) if table else ""
        return PREFIX + "__".join([*head, found.upper()]) if found else ""

    def _place(self, name: str) -> Place | None:
        if name in USUAL_NAMES:
            return USUAL_NAMES[name]
        first, *middle = name.removeprefix(PREFIX).lower().split("__") if name.startswith(PREFIX) else [""]
        if not middle:
            return (first,) if first in Document.model_fields else None
        key = middle.pop()
        place = (first, self._spelled(first, "__".join(middle)), key) if middle else (first, key)
        table = table_at(place[:-1])
        return place if table and key in table.model_fields else None

    def _spelled(self, table: str, form: str) -> str:
        """The name whose variable form is `form`; the form itself if the file has none."""
        written = self._tables.get(table)
        known = [*written] if isinstance(written, dict) else []
        known += self._watched if table == "repo_map" else []
        return next((name for name in known if re.sub(r"[-.]", "_", name).lower() == form), form)
