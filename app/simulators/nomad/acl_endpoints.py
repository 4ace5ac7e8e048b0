"""The endpoints under /v1/acl/…: NomadCall in, NomadAnswer out. Management only, except `token/self`."""

from __future__ import annotations

from app.simulators.nomad import acl
from app.simulators.nomad.acl import ACLS_OFF, ANONYMOUS, AclToken
from app.simulators.nomad.call import DURATION, UNIT, NomadAnswer, NomadCall
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.views import go_time
from app.simulators.nomad.world import new_id

ZERO_TIME = "0001-01-01T00:00:00Z"
NOT_SIGNED = "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts"


def token_self(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    known = nomad.acl.tokens
    if nomad.acl.enabled and call.token and call.token not in known and not acl.is_uuid(call.token):
        raise Refused(500, NOT_SIGNED)
    with nomad.at_work() as world:
        token = nomad.acl.resolve(call.token, world.now)
        return NomadAnswer(body=_shown(token), index=token.index)


def put_policy(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    with nomad.at_work() as world:
        nomad.acl.policies[call.subject] = acl.rules(body.get("Rules") or "")
        return NomadAnswer(body=b"", index=world.commit(), read=False)


def delete_policy(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        nomad.acl.policies.pop(call.subject, None)
        return NomadAnswer(body=b"", index=world.commit(), read=False)


def create_token(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    kind = body.get("Type")
    if kind not in ("client", "management"):
        raise Refused(400, "token type must be client or management")
    with nomad.at_work() as world:
        lifetime = body.get("ExpirationTTL")
        token = AclToken(
            secret=new_id(),
            accessor=new_id(),
            name=body.get("Name") or "",
            management=kind == "management",
            policies=tuple(body.get("Policies") or ()),
            expires=world.now + _seconds(lifetime) if lifetime else None,
            created=world.now,
            index=world.commit(),
        )
        return NomadAnswer(body=_shown(nomad.acl.add(token)), index=token.index, read=False)


def delete_token(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        found = [secret for secret, token in nomad.acl.tokens.items() if token.accessor == call.subject]
        if not found:
            raise Refused(404, "ACL token not found")
        del nomad.acl.tokens[found[0]]
        return NomadAnswer(body=b"", index=world.commit(), read=False)


def _seconds(lifetime: str | int) -> float:
    if isinstance(lifetime, int):
        return lifetime / 1e9
    return sum(float(number) * UNIT[unit] for number, unit in DURATION.findall(lifetime))


def _shown(token: AclToken) -> Json:
    ours = token not in (ACLS_OFF, ANONYMOUS)
    return {
        "AccessorID": token.accessor, "CreateIndex": token.index,
        "CreateTime": go_time(token.created) if token.created else ZERO_TIME,
        "ExpirationTTL": "", "ExpirationTime": go_time(token.expires), "Global": False,
        "Hash": "c2ltdWxhdGVk" if ours else None, "ModifyIndex": token.index, "Name": token.name,
        "Policies": list(token.policies) or None, "Roles": None, "SecretID": token.secret,
        "Type": "management" if token.management and ours else "client",
    }  # fmt: skip
