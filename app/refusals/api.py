"""Refusals of the API with their status. Each comes from a request to the whole web process, by a client or a page."""

import base64
from collections.abc import Iterator
from dataclasses import replace

from app.domain.deployment import DeploymentPhase
from app.domain.rollout import Origin, OutcomeKind
from app.refusals.commands import OTHER, redeploys, replays
from app.refusals.process import (
    DEPLOYED,
    DEPLOYMENT,
    EVERYWHERE,
    PAST,
    ROLLOUT,
    UNDERWAY,
    VIEW,
    OneRollout,
    OneWatch,
    SampleProcess,
    token,
)
from app.refusals.row import RefusalRow
from app.services.commands.rollout_commands import RevertibleRollout, Underway
from app.web.http.arrival import Listening
from app.web.http.auth import Access, Role

PATH = f"/rollouts/{ROLLOUT}"
TAG = {"pinned_tag": "v1.1.0"}
FORM = "application/x-www-form-urlencoded"


def api() -> Iterator[RefusalRow]:
    """A row for every refusal."""
    yield from _callers()
    yield from _signing_in()
    yield from _filters()
    yield from _bodies()
    yield from _forms()
    yield from _canary_commands()
    yield from _rollbacks()
    yield from redeploys()
    yield from replays()


def _callers() -> Iterator[RefusalRow]:
    wide = SampleProcess(listening=EVERYWHERE)
    yield _asked("it listens on every address", wide, "POST", "/tags/app", "this machine", "configure tokens")
    ours = SampleProcess()
    for when, process, thing, proxy in (
        ("a proxy passes it on", ours, "X-Forwarded-For", {"X-Forwarded-For": "10.1.2.3"}),
        ("other machines reach it", SampleProcess(access=Access(outward="deploys.example")), "external_url", {}),
        ("its addresses are unknown", SampleProcess(listening=Listening()), "listens on", {}),
    ):
        yield _asked(when, process, "POST", "/tags/app", thing, "configure tokens", proxy)
    unguarded = SampleProcess(access=Access(guarded=True))
    yield _asked("the tokens were removed", unguarded, "GET", "/repos", "tokens", "put [api_tokens.NAME] back")
    as_other = {"Host": "evil.example"}
    yield _asked("the Host is another name", ours, "GET", "/repos", "'evil.example'", "use http://localhost", as_other)
    from_page = {"Origin": "http://evil.example"}
    yield _asked(
        "a page of another site calls",
        ours,
        "POST",
        "/pause",
        "another site",
        "use the page of this service",
        from_page,
    )
    tokens = SampleProcess(access=Access(tokens=(token("ci", Role.VIEWER, "secret"),)))
    yield _asked("no token is sent", tokens, "GET", "/repos", "token", "send Authorization: Bearer")
    viewer = {"Authorization": "Bearer secret"}
    yield _asked("the token lacks the role", tokens, "POST", "/pause", "token 'ci'", "send one with that role", viewer)


def _filters() -> Iterator[RefusalRow]:
    sample = SampleProcess()
    for when, query, thing, fix in (
        ("the filter does not exist", "person=ann", "'person'", "use before, by, kind or repo"),
        ("the filter has no such value", "kind=deploy", "kind='deploy'", "use webhook, decision"),
    ):
        yield _asked(when, sample, "GET", f"/activity?{query}", thing, fix)


def _signing_in() -> Iterator[RefusalRow]:
    process = SampleProcess(access=Access(tokens=(token("ci", Role.DEPLOYER, "secret"),)))
    basic = {"Authorization": "Basic " + base64.b64encode(b"me:secret").decode()}
    yield _asked("the browser sends no Origin", process, "POST", "/tags/app", "Origin header", "send it", basic)
    page = {"Origin": "http://localhost:8080"}
    yield _asked("the body is not a form", process, "POST", "/login", "the body", "send Content-Type", page)
    form = {**page, "Content-Type": "application/x-www-form-urlencoded"}
    for when, body, fix in (
        ("a form is too long", b"token=" + b"x" * 20_000, "send less"),
        ("a form is not UTF-8", b"token=%ff", "send percent-encoded UTF-8"),
        ("a form has a field twice", b"token=a&token=b", "send it once"),
        ("a form has a NUL", b"token=%00", "send it without"),
    ):
        yield _asked(when, process, "POST", "/login", "the form", fix, form, body=body)


def _bodies() -> Iterator[RefusalRow]:
    process = SampleProcess()
    send = 'send {"pinned_tag": "v1.2.0"}'
    for when, body, thing, fix in (
        ("the body is empty", b"", "the body", send),
        ("the body is not JSON", b"{", "the body", send),
        ("the body is not an object", b"[]", "the body", send),
        ("the body is too long", b" " * 70_000, "the body", send),
        ("it changes nothing", b"{}", "pinned_tag or auto_deploy", send),
        ("a key is unknown", b'{"tag": "v1"}', "'tag'", send),
        (
            "a key occurs twice",
            b'{"auto_deploy": true, "auto_deploy": false}',
            "'auto_deploy'",
            "send it once",
        ),
        ("the tag is not a string", b'{"pinned_tag": 1}', "pinned_tag", "send a string"),
        ("the switch is not a boolean", b'{"auto_deploy": "true"}', "auto_deploy", "send true or false"),
        ("the reason is not a string", b'{"auto_deploy": false, "reason": 1}', "reason", "send a string"),
        (
            "the reason is too long",
            b'{"auto_deploy": false, "reason": "%s"}' % (b"x" * 301),
            "reason",
            "send a shorter one",
        ),
        ("the tag is invalid", b'{"pinned_tag": "v 1"}', "'v 1'", "letters, digits"),
        ("the tag does not exist", b'{"pinned_tag": "v9.9.9"}', "v9.9.9", "push it first"),
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
        ("a page's form is not UTF-8", "idempotency_key=%ff", "the form", "send percent-encoded UTF-8"),
        ("a field of it occurs twice", f"{key}&{key}", "the form", "send it once"),
        ("a field of it has a NUL", f"{key}&tag=%00", "the form", "send it without"),
        ("it is too long", "a" * 20_000, "the form", "send less"),
        ("it lacks its key", "", "the form", again),
    ):
        yield _pressed(when, path, body, thing, fix)
    yield _pressed("it is not a form", path, "{}", "the body", "send Content-Type", kind="application/json")
    yield _pressed("no tag was picked", pick, f"{key}&tag=&rule=pin", "tag", "open the page again")
    yield _pressed("it has no rule", pick, f"{key}&tag=v1.0.0", "its rule", again)
    yield _asked("the origin of a form is unknown", SampleProcess(), "POST", "/logout", "Origin header", "send it")


def _pressed(when: str, path: str, body: str, thing: str, fix: str, *, kind: str = FORM) -> RefusalRow:
    """A row from the answer that a page shows beside its button."""
    answer = SampleProcess().send("POST", path, {"HX-Request": "true", "Content-Type": kind}, body.encode())
    assert answer.status_code >= 400, when
    return RefusalRow(when=when, name=str(answer.status_code), sentence=answer.text, thing=thing, fix=fix)


def _canary_commands() -> Iterator[RefusalRow]:
    over = replace(UNDERWAY, outcome=OutcomeKind.SUCCEEDED)
    yield _canary_command("it is over", over, "GET /rollouts lists those under way")
    unregistered = replace(UNDERWAY, registered=False)
    yield _canary_command("it is not in Nomad yet", unregistered, "try again once it is under way")
    for when, deployment, fix in (
        ("it has no deployment", None, "try again later"),
        (
            "its deployment is over",
            replace(DEPLOYMENT, phase=DeploymentPhase.FAILED, description="Deployment marked as failed"),
            "see GET /rollouts/",
        ),
        ("it has no canaries", replace(DEPLOYMENT, canaries=0, awaits_promotion=False), "it goes on by itself"),
        ("they are not healthy", replace(DEPLOYMENT, canaries=2, awaits_promotion=False), "try again when"),
        ("they do not wait", replace(DEPLOYMENT, awaits_promotion=False), "it goes on by itself"),
    ):
        yield _canary_command(when, replace(UNDERWAY, deployment=deployment), fix)


def _canary_command(when: str, found: Underway, fix: str) -> RefusalRow:
    return _asked(
        when, SampleProcess(rollout_commands=OneRollout(found=found)), "POST", f"{PATH}/promote", str(ROLLOUT), fix
    )


def _rollbacks() -> Iterator[RefusalRow]:
    unknown = replace(DEPLOYED, from_tag="", from_digest="")
    absent = replace(DEPLOYED, from_tag="v0.1.0", from_digest="sha256:" + "0" * 64)
    for when, past, thing, fix in (
        ("it was rolled back already", replace(PAST, undone_by_rollout=OTHER), str(ROLLOUT), "POST /rollouts/"),
        (
            "it failed and was undone already",
            replace(PAST, undone_by_rollout=OTHER, undone_by_us=True),
            str(ROLLOUT),
            "deploy its tag by POST /tags/",
        ),
        ("it is an undo", replace(PAST, origin=Origin.UNDO), str(ROLLOUT), "choose an older one of GET /rollouts"),
        ("it was never registered", replace(PAST, registered=False), str(ROLLOUT), "choose one of"),
        ("it failed, and is not the newest", _earlier(OutcomeKind.FAILED), str(ROLLOUT), "choose one of"),
        (
            "its version runs already",
            _earlier(OutcomeKind.SUCCEEDED),
            "app v1.1.0",
            "deploy it by POST /tags/",
        ),
        ("its watch is gone", replace(PAST, items=(replace(DEPLOYED, watch=None),)), "app", "put it back into"),
        ("the previous digest is unknown", replace(PAST, items=(unknown,)), "app", "deploy a tag of GET /repos"),
        ("the registry no longer has it", replace(PAST, items=(absent,)), "app v0.1.0", "push it again"),
    ):
        yield _asked(
            when, SampleProcess(rollout_commands=OneRollout(known=past)), "POST", f"{PATH}/rollback", thing, fix
        )
    yield _asked(
        "another rollout came first", SampleProcess(), "POST", f"{PATH}/rollback", str(ROLLOUT), "see GET /rollouts"
    )


def _earlier(outcome: OutcomeKind) -> RevertibleRollout:
    return replace(PAST, newest=OTHER, outcome=outcome)


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
