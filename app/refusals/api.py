"""What the API refuses, with its status: each sentence by a request to the whole web process, or by what pages ask."""

import asyncio
import base64
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from app import ports
from app.domain.event import Parsed
from app.domain.job import DeploymentPhase
from app.domain.rollout import OutcomeKind
from app.errors import Rejected
from app.refusals.process import (
    DEPLOYED,
    DEPLOYMENT,
    EVERYWHERE,
    PAST,
    ROLLOUT,
    UNDERWAY,
    VIEW,
    NothingHeld,
    OneRollout,
    OneWatch,
    SampleProcess,
    token,
)
from app.refusals.row import RefusalRow
from app.services.commands import rollout_commands, watch_commands, watches
from app.services.commands.rollout_commands import RevertibleRollout, Underway
from app.services.commands.watch_commands import KnownRequest
from app.services.commands.watches import Operator
from app.services.ingest.replay import KeptDelivery, Replayed
from app.services.ingest.replay import replay as replay_delivery
from app.web.http.arrival import Listening
from app.web.http.auth import Access, Role

PATH = f"/rollouts/{ROLLOUT}"
OTHER = UUID(int=77)
TAG = {"pinned_tag": "v1.1.0"}
FORM = "application/x-www-form-urlencoded"


def api() -> Iterator[RefusalRow]:
    """A row for every refusal."""
    yield from _who_asks()
    yield from _signing_in()
    yield from _what_is_asked()
    yield from _forms()
    yield from _steering()
    yield from _rollbacks()
    yield from _redeploys()
    yield from _replays()


def _who_asks() -> Iterator[RefusalRow]:
    wide = SampleProcess(listening=EVERYWHERE)
    yield _asked("nobody may write from elsewhere", wide, "POST", "/tags/app", "this machine", "configure tokens")
    ours = SampleProcess()
    for when, process, thing, proxy in (
        ("a proxy passes it on", ours, "X-Forwarded-For", {"X-Forwarded-For": "10.1.2.3"}),
        ("it is reached from elsewhere", SampleProcess(access=Access(outward="deploys.example")), "external_url", {}),
        ("nobody knows where it listens", SampleProcess(listening=Listening()), "listens on", {}),
    ):
        yield _asked(when, process, "POST", "/tags/app", thing, "configure tokens", proxy)
    gone = SampleProcess(access=Access(guarded=True))
    yield _asked("the tokens were taken away", gone, "GET", "/repos", "tokens", "put [api_tokens.NAME] back")
    as_other = {"Host": "evil.example"}
    yield _asked(
        "it is called by another name", ours, "GET", "/repos", "'evil.example'", "use http://localhost", as_other
    )
    from_page = {"Origin": "http://evil.example"}
    yield _asked(
        "another site's page asks", ours, "POST", "/pause", "another site", "use the page of this service", from_page
    )
    tokens = SampleProcess(access=Access(tokens=(token("ci", Role.VIEWER, "secret"),)))
    yield _asked("no token is sent", tokens, "GET", "/repos", "token", "send Authorization: Bearer")
    viewer = {"Authorization": "Bearer secret"}
    yield _asked("the token may not", tokens, "POST", "/pause", "token 'ci'", "send one with that role", viewer)


def _signing_in() -> Iterator[RefusalRow]:
    process = SampleProcess(access=Access(tokens=(token("ci", Role.DEPLOYER, "secret"),)))
    basic = {"Authorization": "Basic " + base64.b64encode(b"me:secret").decode()}
    yield _asked(
        "a browser hides its page",
        process,
        "POST",
        "/tags/app",
        "Origin header",
        "send it, or the token as Authorization: Bearer",
        basic,
    )
    page = {"Origin": "http://localhost:8080"}
    yield _asked("what comes is no form", process, "POST", "/login", "the body", "send Content-Type", page)
    form = {**page, "Content-Type": "application/x-www-form-urlencoded"}
    for when, body, fix in (
        ("a form is too long", b"token=" + b"x" * 20_000, "send less"),
        ("a form is garbled", b"token=%ff", "send percent-encoded UTF-8"),
        ("a form has a field twice", b"token=a&token=b", "send it once"),
        ("a form has a NUL", b"token=%00", "send it without"),
    ):
        yield _asked(when, process, "POST", "/login", "the form", fix, form, body=body)


def _what_is_asked() -> Iterator[RefusalRow]:
    process = SampleProcess()
    send = 'send {"pinned_tag": "v1.2.0"}'
    for when, body, thing, fix in (
        ("the body is empty", b"", "the body", send),
        ("the body is no JSON", b"{", "the body", send),
        ("the body is no object", b"[]", "the body", send),
        ("the body is too long", b" " * 70_000, "the body", send),
        ("nothing is asked", b"{}", "pinned_tag or auto_deploy", send),
        ("a key is unknown", b'{"tag": "v1"}', "'tag'", send),
        (
            "a key stands twice",
            b'{"auto_deploy": true, "auto_deploy": false}',
            "'auto_deploy'",
            "send it once",
        ),
        ("the tag is no text", b'{"pinned_tag": 1}', "pinned_tag", "send a string"),
        ("the switch is no switch", b'{"auto_deploy": "true"}', "auto_deploy", "send true or false"),
        ("the tag is none", b'{"pinned_tag": "v 1"}', "'v 1'", "letters, digits"),
        ("the tag is not there", b'{"pinned_tag": "v9.9.9"}', "v9.9.9", "push it first"),
    ):
        yield _asked(when, process, "POST", "/tags/app", thing, fix, body=body)
    yield _asked("the watch is unknown", process, "GET", "/tags/nobody", "'nobody'", "GET /repos lists the names")
    nothing = SampleProcess(queries=OneWatch(view=replace(VIEW, desired="")))
    yield _asked("there is no release", nothing, "GET", "/tags/app", "repo app", "push a release")
    yield _asked("plan is misspelled", process, "POST", "/tags/app?plan=yes", "'yes'", "send plan=true")
    yield _asked(
        "the job cannot be planned", process, "POST", "/tags/app/reset?plan=true", "job web", "register it once"
    )
    release = "/repos/app/release-hold"
    yield _asked("nothing is held", process, "POST", release, "of app", "POST /tags/app deploys a tag")
    yield _asked(
        "the rollout is unknown", process, "GET", f"/rollouts/{OTHER}", "rollout", "GET /rollouts lists the newest"
    )


def _forms() -> Iterator[RefusalRow]:
    path, pick, key = "/confirm/reset/app", "/confirm/deploy/app", f"idempotency_key={OTHER}"
    again = "reload the page and try again"
    for when, body, thing, fix in (
        ("a page's form cannot be read", "idempotency_key=%ff", "the form", "send percent-encoded UTF-8"),
        ("a field of it stands twice", f"{key}&{key}", "the form", "send it once"),
        ("a field of it has a NUL", f"{key}&tag=%00", "the form", "send it without"),
        ("it is too long", "a" * 20_000, "the form", "send less"),
        ("it lacks its key", "", "the form", again),
    ):
        yield _pressed(when, path, body, thing, fix)
    yield _pressed("it is none", path, "{}", "the body", "send Content-Type", kind="application/json")
    yield _pressed("no tag was picked", pick, f"{key}&tag=&rule=pin", "tag", "open the page again")
    yield _pressed("it says nothing of the rule", pick, f"{key}&tag=v1.0.0", "rule", again)
    yield _asked("nobody knows whose form it is", SampleProcess(), "POST", "/logout", "Origin header", "send it")


def _pressed(when: str, path: str, body: str, thing: str, fix: str, *, kind: str = FORM) -> RefusalRow:
    """What a page's script is told beside the button."""
    answer = SampleProcess().send("POST", path, {"HX-Request": "true", "Content-Type": kind}, body.encode())
    assert answer.status_code >= 400, when
    return RefusalRow(when=when, name=str(answer.status_code), sentence=answer.text, thing=thing, fix=fix)


def _steering() -> Iterator[RefusalRow]:
    over = replace(UNDERWAY, outcome=OutcomeKind.SUCCEEDED)
    yield _steered("it is over", over, "GET /rollouts lists those under way")
    unregistered = replace(UNDERWAY, registered=False)
    yield _steered("it is not in Nomad yet", unregistered, "ask again once it is under way")
    for when, deployment, fix in (
        ("it has no deployment", None, "ask again later"),
        (
            "its deployment is over",
            replace(DEPLOYMENT, phase=DeploymentPhase.FAILED, description="Deployment marked as failed"),
            "see GET /rollouts/",
        ),
        ("it has no canaries", replace(DEPLOYMENT, canaries=0, awaits_promotion=False), "it goes on by itself"),
        ("they are not healthy", replace(DEPLOYMENT, canaries=2, awaits_promotion=False), "ask again when"),
        ("they do not wait", replace(DEPLOYMENT, awaits_promotion=False), "it goes on by itself"),
    ):
        yield _steered(when, replace(UNDERWAY, deployment=deployment), fix)


def _steered(when: str, found: Underway, fix: str) -> RefusalRow:
    return _asked(when, SampleProcess(steering=OneRollout(found=found)), "POST", f"{PATH}/promote", str(ROLLOUT), fix)


def _rollbacks() -> Iterator[RefusalRow]:
    unknown = replace(DEPLOYED, from_tag="", from_digest="")
    absent = replace(DEPLOYED, from_tag="v0.1.0", from_digest="sha256:" + "0" * 64)
    for when, past, thing, fix in (
        ("it was taken back already", replace(PAST, undone_by_rollout=OTHER), str(ROLLOUT), "POST /rollouts/"),
        ("it was never registered", replace(PAST, registered=False), str(ROLLOUT), "name one of"),
        ("it failed, and is not the newest", _earlier(OutcomeKind.FAILED), str(ROLLOUT), "name one of"),
        ("that runs already", _earlier(OutcomeKind.SUCCEEDED), "app v1.1.0", "deploy it by POST /tags/"),
        ("its watch is gone", replace(PAST, brought=(replace(DEPLOYED, watch=None),)), "app", "put it back into"),
        ("what ran before is unknown", replace(PAST, brought=(unknown,)), "app", "deploy a tag of GET /repos"),
        ("the registry dropped it", replace(PAST, brought=(absent,)), "app v0.1.0", "push it again"),
    ):
        yield _asked(when, SampleProcess(steering=OneRollout(known=past)), "POST", f"{PATH}/rollback", thing, fix)
    yield _asked(
        "another came in between", SampleProcess(), "POST", f"{PATH}/rollback", str(ROLLOUT), "see GET /rollouts"
    )


def _earlier(outcome: OutcomeKind) -> RevertibleRollout:
    return replace(PAST, newest=OTHER, outcome=outcome)


def _redeploys() -> Iterator[RefusalRow]:
    process = SampleProcess()
    operator = _operator(process)
    unnamed = watches.redeploy(operator, "app", tag="", by="")
    yield _refused("no tag is named", unnamed, "tag of app", "name one of those")
    absent = watches.redeploy(operator, "app", tag="v9.9.9", by="")
    yield _refused("the tag to deploy again is gone", absent, "tag v9.9.9", "push it first")
    others = KnownRequest(rollout_id=OTHER, here=False, what="other v1.0.0")
    twice = watches.redeploy(
        _operator(SampleProcess(rules=NothingHeld(requested=others))), "app", tag="v1.0.0", by="", idempotency_key=OTHER
    )
    yield _refused("the id is another job's rollout", twice, str(OTHER), "ask again")


def _operator(process: SampleProcess) -> Operator:
    """What handlers make of a process; each part answers only what a refused request asks."""
    return Operator(
        rules=cast("watch_commands.WatchCommands", process.rules),
        steering=cast("rollout_commands.RolloutCommands", process.steering),
        registries=process.registries,
        deployer=cast("ports.Deployer", process.deployer),
        waker=process.waker,
    )


@dataclass
class _Box:
    """Deliveries of which `left` is kept."""

    left: KeptDelivery | None

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        return self.left

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        return None


def _replays() -> Iterator[RefusalRow]:
    for when, left, thing, fix in (
        ("the delivery is unknown", None, "delivery", "take one that the page lists"),
        ("nothing of it is kept", KeptDelivery(source="hub", body=None, events=0), str(OTHER), "push the tag again"),
        ("its source is gone", KeptDelivery(source="hub", body=b"{}", events=0), "'hub'", "put [webhooks.hub] back"),
    ):
        attempt = replay_delivery(_Box(left), SampleProcess().waker, OTHER, by="", parse=None)
        yield _refused(when, attempt, thing, fix)


def _refused(when: str, attempt: Coroutine[Any, Any, object], thing: str, fix: str) -> RefusalRow:
    try:
        asyncio.run(attempt)
    except Rejected as refused:
        return RefusalRow(when=when, name=str(refused.status), sentence=str(refused), thing=thing, fix=fix)
    raise AssertionError(when)


def _asked(
    when: str,
    process: SampleProcess,
    method: str,
    path: str,
    thing: str,
    fix: str,
    headers: dict[str, str] | None = None,
    *,
    body: bytes = b"",
) -> RefusalRow:
    answer = process.send(method, path, headers, body)
    assert answer.status_code >= 400, when
    message: str = answer.json()["message"]
    return RefusalRow(when=when, name=str(answer.status_code), sentence=message, thing=thing, fix=fix)
