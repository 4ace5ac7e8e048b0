"""GET /tags/{repo}/why: what became of the tags of a watch, or of the one tag that ?tag= names, as JSON."""

from starlette.requests import Request
from starlette.responses import Response

from app.domain.reference import parse_tag
from app.domain.why.facts import Deed, Push, TagDigest, TagRollout
from app.errors import InvalidReference, Rejected
from app.services.commands import watches
from app.services.views.why import Explained, ExplainedTag, HeldTag, explain
from app.web.api.tags import repository_name, show_tag
from app.web.http.responses import json_response
from app.web.process import process_of

SUFFIX = "/why"


async def show_why(request: Request) -> Response:
    """200 with one outcome for each tag; 404 when the watch is not configured, 400 for a text that is no tag."""
    name, tag = repository_name(request), asked_tag(request)
    found = await explain(process_of(request).services.why, name, tag)
    if found is not None:
        return json_response(explained(found))
    if await process_of(request).services.queries.watch(f"{name}{SUFFIX}") is not None:
        request.path_params["repo"] = f"{name}{SUFFIX}"
        return await show_tag(request)
    raise Rejected(str(watches.unknown_watch(name)), status=404)


def asked_tag(request: Request) -> str | None:
    """The tag that the query names, None without one; Rejected (400) for a text that no registry takes as a tag."""
    given = request.query_params.get("tag", "").strip()
    if not given:
        return None
    try:
        return parse_tag(given)
    except InvalidReference as error:
        raise Rejected(f"Error: {error}") from None


def explained(found: Explained) -> dict[str, object]:
    """An answer as JSON."""
    watch = found.watch
    return {
        "repo": watch.name,
        "checked_at": watch.decision.last_at if watch.decision else None,
        "first_checked_at": watch.first_checked_at,
        "registry_outage": watch.outage,
        "job_outage": watch.job_outage,
        "total": found.total,
        "omitted": found.omitted,
        "tags": [_tag(each) for each in found.tags],
    }


def _tag(found: ExplainedTag) -> dict[str, object]:
    facts, why = found.facts, found.why
    return {
        "tag": facts.tag,
        "outcome": why.outcome,
        "message": found.message,
        "fix": found.fix,
        "since": why.since,
        "until": why.until,
        "other_tag": why.other,
        "no_release": why.unreleased.kind if why.unreleased else None,
        "hold": _hold(found.hold),
        "found_at": facts.known_at,
        "found_by": facts.found_by,
        "first_push": _push(facts.first_push),
        "last_push": _push(facts.last_push),
        "digest": facts.digest,
        "digests": [_digest(each) for each in facts.digests],
        "digest_changed": facts.digest_changed,
        "absent_since": facts.absent_since,
        "rollout": _rollout(facts.rollout),
    }


def _hold(hold: HeldTag | None) -> dict[str, object] | None:
    if hold is None:
        return None
    return {"reason": hold.reason, "until": hold.until, **_deed(hold.by)}


def _deed(deed: Deed | None) -> dict[str, object]:
    return {"by": deed.by if deed else "", "at": deed.at if deed else None}


def _push(push: Push | None) -> dict[str, object] | None:
    if push is None:
        return None
    return {"delivery_id": push.delivery_id, "source": push.source, "at": push.at, "digest": push.digest}


def _digest(digest: TagDigest) -> dict[str, object]:
    return {"digest": digest.digest, "first_found_at": digest.first_found_at, "since": digest.since}


def _rollout(rollout: TagRollout | None) -> dict[str, object] | None:
    if rollout is None:
        return None
    return {
        "rollout_id": rollout.rollout_id,
        "origin": rollout.origin,
        "requested_by": rollout.by,
        "created_at": rollout.created_at,
        "ended_at": rollout.ended_at,
        "outcome": rollout.outcome,
        "reason": rollout.reason,
    }
