"""Answers: what do the /v1/acl/… paths do? Call in, Answer out; management only, but for a look at one's own token."""

from __future__ import annotations

from app.local.nomad import acl
from app.local.nomad.acl import ACLS_OFF, ANONYMOUS, Token
from app.local.nomad.call import DURATION, UNIT, Answer, Call
from app.local.nomad.refusal import Json, Refused
from app.local.nomad.simulator import Simulator
from app.local.nomad.views import go_time
from app.local.nomad.world import new_id

ZERO_TIME = "0001-01-01T00:00:00Z"
NOT_SIGNED = "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts"


def token_self(nomad: Simulator, call: Call) -> Answer:
    known = nomad.acl.tokens
    if nomad.acl.enabled and call.token and call.token not in known and not acl.is_uuid(call.token):
        raise Refused(500, NOT_SIGNED)
    with nomad.at_work() as world:
        token = nomad.acl.resolve(call.token, world.now)
        return Answer(body=_shown(token), index=token.index)


def put_policy(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    with nomad.at_work() as world:
        nomad.acl.policies[call.subject] = acl.rules(body.get("Rules") or "")
        return Answer(body=b"", index=world.commit(), read=False)


def delete_policy(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        nomad.acl.policies.pop(call.subject, None)
        return Answer(body=b"", index=world.commit(), read=False)


def create_token(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    kind = body.get("Type")
    if kind not in ("client", "management"):
        raise Refused(400, "token type must be client or management")
    with nomad.at_work() as world:
        lifetime = body.get("ExpirationTTL")
        token = Token(
            secret=new_id(),
            accessor=new_id(),
            name=body.get("Name") or "",
            management=kind == "management",
            policies=tuple(body.get("Policies") or ()),
            expires=world.now + _seconds(lifetime) if lifetime else None,
            created=world.now,
            index=world.commit(),
        )
        return Answer(body=_shown(nomad.acl.add(token)), index=token.index, read=False)


def delete_token(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        found = [secret for secret, token in nomad.acl.tokens.items() if token.accessor == call.subject]
        if not found:
            raise Refused(404, "ACL token not found")
        del nomad.acl.tokens[found[0]]
        return Answer(body=b"", index=world.commit(), read=False)


def _seconds(lifetime: str | int) -> float:
    if isinstance(lifetime, int):
        return lifetime / 1e9
    return sum(float(number) * UNIT[unit] for number, unit in DURATION.findall(lifetime))


def _shown(token: Token) -> Json:
    ours = token not in (ACLS_OFF, ANONYMOUS)
    return {
        "AccessorID": token.accessor, "CreateIndex": token.index,
        "CreateTime": go_time(token.created) if token.created else ZERO_TIME,
        "ExpirationTTL": "", "ExpirationTime": go_time(token.expires), "Global": False,
        "Hash": "c2ltdWxhdGVk" if ours else None, "ModifyIndex": token.index, "Name": token.name,
        "Policies": list(token.policies) or None, "Roles": None, "SecretID": token.secret,
        "Type": "management" if token.management and ours else "client",
    }  # fmt: skip
