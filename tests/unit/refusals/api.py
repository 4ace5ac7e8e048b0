"""What the API refuses, with its status: each sentence by a request to the whole web face, or by what pages ask."""

import asyncio
import base64
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.event import Parsed
from app.domain.job import DeploymentPhase
from app.domain.rollout import OutcomeKind
from app.errors import Rejected
from app.services import operate
from app.services.operate import Operator
from app.services.replay import Kept, Replayed
from app.services.replay import replay as replay_delivery
from app.services.steering import Past
from app.services.word import Asked
from app.web.arrival import Listening
from app.web.auth import Access, Role
from tests.unit.refusals.row import Row
from tests.web.face import DEPLOYMENT, PAST, SUMMARY, UNDERWAY, WATCH, WIDER, Face, MemoryRules, token

ROLLOUT = f"/rollouts/{SUMMARY.rollout_id}"
OTHER = UUID(int=77)
TAG = {"pinned_tag": "v1.1.0"}
FORM = "application/x-www-form-urlencoded"


def api() -> Iterator[Row]:
    """A row for every refusal."""
    yield from _who_asks()
    yield from _signing_in()
    yield from _what_is_asked()
    yield from _forms()
    yield from _steering()
    yield from _rollbacks()
    yield from _redeploys()
    yield from _replays()


def _who_asks() -> Iterator[Row]:
    wide = Face(listening=WIDER)
    yield _asked("nobody may write from elsewhere", wide, "POST", "/tags/app", "this machine", "configure tokens")
    ours = Face()
    for when, face, thing, proxy in (
        ("a proxy passes it on", ours, "X-Forwarded-For", {"X-Forwarded-For": "10.1.2.3"}),
        ("it is reached from elsewhere", Face(access=Access(outward="deploys.example")), "external_url", {}),
        ("nobody knows where it listens", Face(listening=Listening()), "listens on", {}),
    ):
        yield _asked(when, face, "POST", "/tags/app", thing, "configure tokens", proxy)
    gone = Face(access=Access(guarded=True))
    yield _asked("the tokens were taken away", gone, "GET", "/repos", "tokens", "put [api_tokens.NAME] back")
    as_other = {"Host": "evil.example"}
    yield _asked(
        "it is called by another name", ours, "GET", "/repos", "'evil.example'", "use http://localhost", as_other
    )
    from_page = {"Origin": "http://evil.example"}
    yield _asked("another site's page asks", ours, "POST", "/pause", "another site", "open our own page", from_page)
    tokens = Face(access=Access(tokens=(token("ci", Role.VIEWER, "secret"),)))
    yield _asked("no token is sent", tokens, "GET", "/repos", "token", "send a configured token")
    viewer = {"Authorization": "Bearer secret"}
    yield _asked("the token may not", tokens, "POST", "/pause", "token 'ci'", "send one with that role", viewer)


def _signing_in() -> Iterator[Row]:
    face = Face(access=Access(tokens=(token("ci", Role.DEPLOYER, "secret"),)))
    basic = {"Authorization": "Basic " + base64.b64encode(b"me:secret").decode()}
    yield _asked("a browser hides its page", face, "POST", "/tags/app", "where it comes from", "send Origin", basic)
    page = {"Origin": "http://localhost:8080"}
    yield _asked("what comes is no form", face, "POST", "/login", "the body", "send Content-Type", page)
    form = {**page, "Content-Type": "application/x-www-form-urlencoded"}
    for when, body, mend in (
        ("a form is too long", b"token=" + b"x" * 20_000, "send less"),
        ("a form is garbled", b"token=%ff", "send UTF-8"),
        ("a form has a field twice", b"token=a&token=b", "say once what is meant"),
        ("a form has a NUL", b"token=%00", "send it without"),
    ):
        yield _asked(when, face, "POST", "/login", "the form", mend, form, body=body)


def _what_is_asked() -> Iterator[Row]:
    face = Face()
    send = 'send {"pinned_tag": "v1.2.0"}'
    for when, body, thing, mend in (
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
            "say once what is meant",
        ),
        ("the tag is no text", b'{"pinned_tag": 1}', "pinned_tag", "send a string"),
        ("the switch is no switch", b'{"auto_deploy": "true"}', "auto_deploy", "send true or false"),
        ("the tag is none", b'{"pinned_tag": "v 1"}', "'v 1'", "letters, digits"),
        ("the tag is not there", b'{"pinned_tag": "v9.9.9"}', "v9.9.9", "push it first"),
    ):
        yield _asked(when, face, "POST", "/tags/app", thing, mend, body=body)
    yield _asked("the watch is unknown", face, "GET", "/tags/nobody", "'nobody'", "GET /repos lists the names")
    nothing = Face()
    nothing.queries.known = (replace(WATCH, wanted=""),)
    yield _asked("there is no release", nothing, "GET", "/tags/app", "repo app", "push a release")
    yield _asked("plan is misspelled", face, "POST", "/tags/app?plan=yes", "'yes'", "send plan=true")
    gone = Face()
    gone.deployer.job = None
    yield _asked("the job cannot be planned", gone, "POST", "/tags/app/reset?plan=true", "job web", "register it once")
    release = "/repos/app/release-hold"
    yield _asked("nothing is held", face, "POST", release, "of app", "POST /tags/app deploys a tag")
    yield _asked(
        "the rollout is unknown", face, "GET", f"/rollouts/{OTHER}", "rollout", "GET /rollouts lists the newest"
    )


def _forms() -> Iterator[Row]:
    path, pick, key = "/ask/reset/app", "/ask/deploy/app", f"once={OTHER}"
    again = "reload the page and try again"
    for when, body, thing, mend in (
        ("a page's form cannot be read", "once=%ff", "the form", "send UTF-8"),
        ("a field of it stands twice", f"{key}&{key}", "the form", "say once what is meant"),
        ("a field of it has a NUL", f"{key}&tag=%00", "the form", "send it without"),
        ("it is too long", "a" * 20_000, "the form", "send less"),
        ("it lacks its key", "", "the form", again),
    ):
        yield _pressed(when, path, body, thing, mend)
    yield _pressed("it is none", path, "{}", "the body", "send Content-Type", kind="application/json")
    yield _pressed("no tag was picked", pick, f"{key}&tag=&rule=pin", "tag", "open the page anew")
    yield _pressed("it says nothing of the rule", pick, f"{key}&tag=v1.0.0", "the rule", again)
    yield _asked("nobody knows whose form it is", Face(), "POST", "/logout", "this", "send Origin")


def _pressed(when: str, path: str, body: str, thing: str, mend: str, *, kind: str = FORM) -> Row:
    """What a page's script is told beside the button."""
    with Face().client(**{"HX-Request": "true"}) as browser:
        answer = browser.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code >= 400, when
    return Row(when=when, name=str(answer.status_code), sentence=answer.text, thing=thing, mend=mend)


def _steering() -> Iterator[Row]:
    over = Face()
    over.steering.found = replace(UNDERWAY, outcome=OutcomeKind.SUCCEEDED)
    yield _steered("it is over", over, "GET /rollouts lists those under way")
    unregistered = Face()
    unregistered.steering.found = replace(UNDERWAY, registered=False)
    yield _steered("it is not in Nomad yet", unregistered, "ask again once it is under way")
    for when, deployment, mend in (
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
        face = Face()
        face.steering.found = replace(UNDERWAY, deployment=deployment)
        yield _steered(when, face, mend)


def _steered(when: str, face: Face, mend: str) -> Row:
    return _asked(when, face, "POST", f"{ROLLOUT}/promote", str(SUMMARY.rollout_id), mend)


def _rollbacks() -> Iterator[Row]:
    (brought,) = PAST.brought
    unknown = replace(brought, from_tag="", from_digest="")
    absent = replace(brought, from_tag="v0.1.0", from_digest="sha256:" + "0" * 64)
    for when, past, thing, mend in (
        ("it was taken back already", replace(PAST, taken_back_by=OTHER), str(SUMMARY.rollout_id), "POST /rollouts/"),
        ("it was never registered", replace(PAST, registered=False), str(SUMMARY.rollout_id), "name one of"),
        ("it failed, and is not the newest", _earlier(OutcomeKind.FAILED), str(SUMMARY.rollout_id), "name one of"),
        ("that runs already", _earlier(OutcomeKind.SUCCEEDED), "app v1.1.0", "deploy it by POST /tags/"),
        ("its watch is gone", replace(PAST, brought=(replace(brought, watch=None),)), "app", "put it back into"),
        ("what ran before is unknown", replace(PAST, brought=(unknown,)), "app", "deploy a tag of GET /repos"),
        ("the registry dropped it", replace(PAST, brought=(absent,)), "app v0.1.0", "push it again"),
    ):
        face = Face()
        face.steering.known = past
        yield _asked(when, face, "POST", f"{ROLLOUT}/rollback", thing, mend)
    overtaken = Face()
    overtaken.steering.moved_on = True
    path = f"{ROLLOUT}/rollback"
    yield _asked("another came in between", overtaken, "POST", path, str(SUMMARY.rollout_id), "see GET /rollouts")


def _earlier(outcome: OutcomeKind) -> Past:
    return replace(PAST, newest=OTHER, outcome=outcome)


@dataclass
class _Taken(MemoryRules):
    """Rules that know every id as another job's rollout."""

    async def asked(self, name: str, once: UUID) -> Asked | None:
        return Asked(rollout_id=once, here=False, what="other v1.0.0")


def _redeploys() -> Iterator[Row]:
    face = Face()
    operator = Operator(
        rules=face.rules,
        steering=face.steering,
        registries=face.registries,
        deployer=face.deployer,
        doorbell=face.doorbell,
    )
    unnamed = operate.redeploy(operator, "app", tag="", by="")
    yield _refused("no tag is named", unnamed, "tag of app", "name one of those")
    absent = operate.redeploy(operator, "app", tag="v9.9.9", by="")
    yield _refused("the tag to deploy again is gone", absent, "tag v9.9.9", "push it first")
    twice = operate.redeploy(replace(operator, rules=_Taken()), "app", tag="v1.0.0", by="", once=OTHER)
    yield _refused("the id is another job's rollout", twice, str(OTHER), "ask again")


@dataclass
class _Box:
    """Deliveries of which `left` is kept."""

    left: Kept | None

    async def kept(self, delivery_id: UUID) -> Kept | None:
        return self.left

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        return None


def _replays() -> Iterator[Row]:
    for when, left, thing, mend in (
        ("the delivery is unknown", None, "delivery", "take one that the page lists"),
        ("nothing of it is kept", Kept(source="hub", body=None, events=0), str(OTHER), "push the tag again"),
        ("its source is gone", Kept(source="hub", body=b"{}", events=0), "'hub'", "put [webhooks.hub] back"),
    ):
        attempt = replay_delivery(_Box(left), Face().doorbell, OTHER, by="", parse=None)
        yield _refused(when, attempt, thing, mend)


def _refused(when: str, attempt: Coroutine[Any, Any, object], thing: str, mend: str) -> Row:
    try:
        asyncio.run(attempt)
    except Rejected as refused:
        return Row(when=when, name=str(refused.status), sentence=str(refused), thing=thing, mend=mend)
    raise AssertionError(when)


def _asked(
    when: str,
    face: Face,
    method: str,
    path: str,
    thing: str,
    mend: str,
    headers: dict[str, str] | None = None,
    *,
    body: bytes = b"",
) -> Row:
    with face.client() as browser:
        answer = browser.request(method, path, content=body, headers=headers)
    assert answer.status_code >= 400, when
    message: str = answer.json()["message"]
    return Row(when=when, name=str(answer.status_code), sentence=message, thing=thing, mend=mend)
