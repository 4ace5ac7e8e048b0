"""`[webhooks.NAME]` and `[api_tokens.NAME]`: who may send webhooks, and who may call the API."""

from collections.abc import Mapping
from types import MappingProxyType

from app.settings.document import ApiTokenTable, Document, WebhookTable
from app.settings.faults import FaultList
from app.settings.kinds import sender_kinds
from app.settings.values import ApiToken, TokenRole, WebhookSource
from app.webhooks import DIALECTS

_RANDOM = "Make one with `openssl rand -hex 32`."


def read_webhook_sources(document: Document, faults: FaultList) -> Mapping[str, WebhookSource]:
    """Every webhook source, by name; without `kind`, the name is the kind."""
    sources = {}
    for name, table in document.webhooks.items():
        _check_webhook(name, table, faults)
        secrets = tuple(secret for secret in (table.secret, table.previous_secret) if secret)
        sources[name] = WebhookSource(kind=table.kind or name, secrets=secrets)
    return MappingProxyType(sources)


def _check_webhook(name: str, table: WebhookTable, faults: FaultList) -> None:
    place = ("webhooks", name)
    if table.kind is None and name not in DIALECTS and not faults.covers((*place, "kind")):
        faults.add((*place, "kind"), "is missing", sender_kinds(name))
    if not table.secret and not faults.covers((*place, "secret")):
        faults.add((*place, "secret"), "is missing, so that anybody could post", _RANDOM)


def read_api_tokens(document: Document, faults: FaultList) -> tuple[ApiToken, ...]:
    """Every API token. Two equal ones are a fault, since the caller would be unknown."""
    tokens: list[ApiToken] = []
    for name, table in document.api_tokens.items():
        _check_token(name, table, faults)
        twin = next((other.name for other in tokens if table.token and other.secret == table.token), "")
        if twin:
            faults.add(("api_tokens", name, "token"), f"is the same as that of api_tokens.{twin}", _RANDOM)
        tokens.append(ApiToken(name=name, role=table.role or TokenRole.VIEWER, secret=table.token))
    return tuple(tokens)


def _check_token(name: str, table: ApiTokenTable, faults: FaultList) -> None:
    place = ("api_tokens", name)
    if table.role is None and not faults.covers((*place, "role")):
        faults.add((*place, "role"), "is missing", f"Write one of {', '.join(TokenRole)}.")
    if not table.token and not faults.covers((*place, "token")):
        faults.add((*place, "token"), "is missing", _RANDOM)
