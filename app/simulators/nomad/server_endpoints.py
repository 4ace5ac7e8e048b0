"""The endpoints about the servers themselves: agent, leader, regions, namespaces, operator, system."""

from __future__ import annotations

from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.simulator import Simulator

NAMESPACE: Json = {
    "Capabilities": None, "ConsulConfiguration": None, "CreateIndex": 1, "Description": "", "Hash": "c2ltdWxhdGVk",
    "Meta": None, "ModifyIndex": 1, "Name": "", "NodePoolConfiguration": None, "OptionalExtraClaims": None,
    "Quota": "", "RequiredExtraClaims": None, "VaultConfiguration": None,
}  # fmt: skip


def leader(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    return NomadAnswer(body="127.0.0.1:4647", read=False)


def regions(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    return NomadAnswer(body=[nomad.region], read=False)


def agent_self(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    number, _, stage = nomad.release.text.partition("-")
    config = {
        "ACL": {"Enabled": nomad.acl.enabled},
        "Datacenter": "dc1",
        "Region": nomad.region,
        "Version": {"Version": number, "VersionPrerelease": stage},
    }
    member = {"Name": f"simulator.{nomad.region}", "Tags": {"build": nomad.release.text, "region": nomad.region}}
    return NomadAnswer(body={"config": config, "member": member, "stats": {"nomad": {"server": "true"}}}, read=False)


def list_namespaces(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        shown = [{**NAMESPACE, "Name": name} for name in sorted(world.namespaces)]
        return NomadAnswer(body=shown, index=world.touched["namespaces"])


def read_namespace(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        nomad.require_any(call, call.subject)
        index = world.touched["namespaces"]
        if call.subject not in world.namespaces:
            raise Refused(404, "Namespace not found", index=index)
        return NomadAnswer(body={**NAMESPACE, "Name": call.subject}, index=index)


def put_namespace(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    name = call.subject or call.json().get("Name")
    if not name:
        raise Refused(400, "missing namespace name")
    with nomad.at_work() as world:
        world.namespaces.add(name)
        index = world.commit()
        world.touch("namespaces")
        return NomadAnswer(body=b"", index=index, read=False)


def delete_namespace(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        if call.subject == "default":
            raise Refused(500, "can not delete default namespace")
        if any(namespace == call.subject and not r.current["Stop"] for (namespace, _), r in world.jobs.items()):
            raise Refused(500, f'namespace "{call.subject}" has non-terminal jobs in regions: [{nomad.region}]')
        world.namespaces.discard(call.subject)
        index = world.commit()
        world.touch("namespaces")
        return NomadAnswer(body=b"", index=index, read=False)


def read_scheduler(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work():
        shown = {"Index": 5, "KnownLeader": True, "LastContact": 0, "NextToken": ""}
        return NomadAnswer(body={**shown, "SchedulerConfig": nomad.scheduler}, index=5)


def put_scheduler(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    with nomad.at_work() as world:
        nomad.scheduler = {key: body.get(key, value) for key, value in nomad.scheduler.items()}
        index = world.commit()
        return NomadAnswer(body={"Index": index, "Updated": True}, index=index, read=False)


def collect_garbage(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    nomad.collect_garbage()
    return NomadAnswer(body=b"", read=False)
