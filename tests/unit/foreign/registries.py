"""Readers of texts from registries, their token services and webhooks, and Slack."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import httpx

from app.adapters.notifiers import slack
from app.adapters.registry import wire
from app.adapters.registry.auth import challenges
from app.adapters.registry.client import exchange, failures, origins
from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.domain.left_out import TagList, newer_left_out, no_release
from app.domain.message import Link, Message
from app.domain.notification import NotificationKind
from app.domain.reference import Reference, Repository, parse_digest, parse_tag
from app.domain.rule import arranged, highest_release, listed, release
from app.domain.unreleased import classify
from app.outbound.client import bounded, redact
from app.outbound.network import kept
from app.webhooks import authenticate, body, distribution
from tests.unit.foreign.texts import Reader

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_PAGE = "https://registry.example.com/v2/team/app/tags/list"
_SUBJECT = failures.RegistryContext(
    endpoint=RegistryEndpoint(
        name="main", scheme="https", domain="registry.example.com", username="u", password="secret"
    ),
    repository="team/app",
)


def readers() -> Iterator[tuple[str, Reader]]:
    yield from _wire()
    yield from _challenges()
    yield from _places()
    yield from _names()
    yield from _webhooks()


def _wire() -> Iterator[tuple[str, Reader]]:
    for number, form in enumerate(
        ("{}", "<{}", "<{}>; rel=next", '<u>; rel="{}"', "<u>;{}", '<u>;a="{}', "<u>; rel={}")
    ):
        yield (
            f"wire.next_page {number}",
            partial(lambda form, text: wire.next_page([form.format(text)], page=_PAGE), form),
        )
    yield "wire.next_page of many", lambda text: wire.next_page(list(text[:20_000]), page=_PAGE)
    yield "wire.media_type", wire.media_type
    yield "wire.read_digest_header", wire.read_digest_header
    yield "wire.read_digest_header sha256", lambda text: wire.read_digest_header(f"sha256:{text}")
    yield "wire.is_reference", wire.is_reference
    yield "wire.retry_after", lambda text: wire.retry_after(text, now=_NOW)
    yield "wire.retry_after date", lambda text: wire.retry_after(f"Sun, 22 Nov 2026 {text}", now=_NOW)
    yield "wire.read_tags", lambda text: wire.read_tags(_json({"tags": [text]}))
    yield "wire.read_tags of many", lambda text: wire.read_tags(_json({"tags": list(text[:20_000])}))
    yield "wire.read_tags no JSON", lambda text: wire.read_tags(_bytes(text))
    yield "wire.read_manifest", lambda text: wire.read_manifest(_bytes(text), content_type=text, claimed=text)
    yield (
        "wire.read_manifest mediaType",
        lambda text: wire.read_manifest(_json({"mediaType": text}), content_type=min(wire.INDEX_TYPES), claimed=None),
    )
    yield "wire.read_children", lambda text: wire.read_children(_json({"manifests": [{"digest": f"sha256:{text}"}]}))
    yield "wire.read_error", lambda text: wire.read_error(_json({"errors": [{"code": text, "message": text}]}))
    yield "wire.tags_url", lambda text: wire.tags_url(f"https://{text}", "team/app")
    yield "network.kept", lambda text: kept([(b"Link", _bytes(text)), (b"Set-Cookie", _bytes(text))])
    yield "network.kept of many", lambda text: kept([(b"link", b"<u>")] * (len(text) // 5))
    yield "failures.refused", lambda text: failures.refused(_SUBJECT, _answer(text), now=_NOW)
    yield "failures.quote", _SUBJECT.quote


def _challenges() -> Iterator[tuple[str, Reader]]:
    for number, form in enumerate(
        ("{}", "Bearer {}", 'Bearer realm="{}', 'Bearer realm="{}"', "Bearer a={}", "Bearer {}=")
    ):
        yield (
            f"auth.parse_challenges {number}",
            partial(lambda form, text: challenges.parse_challenges([form.format(text)]), form),
        )
    yield "auth.parse_token", lambda text: challenges.parse_token(_json({"token": text, "expires_in": text}))
    yield "auth.parse_token no JSON", lambda text: challenges.parse_token(_bytes(text))
    yield "auth.TokenRequest realm", lambda text: _token_request(realm=f"https://r.example/{text}").url
    yield "auth.TokenRequest host", lambda text: _token_request(realm=f"https://{text}").url
    yield "auth.TokenRequest query", lambda text: _token_request(realm=f"https://r.example/?{text}").url
    yield "auth.TokenRequest scope", lambda text: _token_request(scope=text, service=text).url


def _places() -> Iterator[tuple[str, Reader]]:
    for number, form in enumerate(
        ("{}", "https://{}", "https://{}/", "https://r.example/{}", "https://u:{}@h", "//h:{}")
    ):
        yield (
            f"origins.why_unsafe {number}",
            partial(lambda form, text: origins.why_unsafe(form.format(text), home=_PAGE), form),
        )
        yield (
            f"origins.same_origin {number}",
            partial(lambda form, text: origins.same_origin(form.format(text), _PAGE), form),
        )
        yield (
            f"exchange redirect {number}",
            partial(lambda form, text: exchange._target(_PAGE, form.format(text)), form),
        )
        yield f"http.redact {number}", partial(lambda form, text: redact(form.format(text)), form)
    yield "origins.keeps_credentials", lambda text: origins.keeps_credentials(_PAGE, f"https://{text}")
    yield "http.bounded", bounded
    yield "http.bounded long", lambda text: bounded(text, limit=len(text))
    yield "slack.payload", lambda text: slack.payload(_message(text))
    yield "slack retry-after", slack._seconds


def _names() -> Iterator[tuple[str, Reader]]:
    yield "reference.parse_tag", parse_tag
    yield "reference.parse_digest", parse_digest
    yield "reference.parse_digest algorithm", lambda text: parse_digest(f"a{text}:{'0' * 64}")
    yield "Repository.of host", lambda text: Repository.of(text, "team/app")
    yield "Repository.of host's end", lambda text: Repository.of(f"a{text}!", "team/app")
    yield "Repository.of path", lambda text: Repository.of("h", text)
    yield "Repository.of path's end", lambda text: Repository.of("h", f"a{text}!")
    yield "Reference.parse", Reference.parse
    yield "Reference.parse host", lambda text: Reference.parse(f"{text}/app:v1")
    yield "rule.release", release
    yield "rule.release number", lambda text: release(f"v1.2.{text}")
    yield "rule.listed", listed
    yield "rule.arranged", lambda text: arranged([text, f"1.{text}.0", *text[:10_000]])
    yield "rule.highest_release", lambda text: highest_release([f"{text}.0.0", f"1.{text}.0"], text)
    yield "unreleased.classify", classify
    yield "unreleased.classify numbers", lambda text: classify(f"v1.2.{text}", with_v=False)
    yield "unreleased.classify build", lambda text: classify(f"1.2.3-{text}")
    yield "left_out.newer_left_out", lambda text: newer_left_out(_tags(text), "v1.0.0")
    yield "left_out.no_release", lambda text: no_release(_tags(text), "team/app", "v1.0.0")


def _tags(text: str) -> TagList:
    return TagList(tags=(text, f"v2.{text}", f"v2.0.{text}", *text[:10_000]))


def _webhooks() -> Iterator[tuple[str, Reader]]:
    yield "authenticate.is_authentic", lambda text: authenticate.is_authentic([b"Bearer " + _bytes(text)], [b"secret"])
    yield "body.load", lambda text: body.load(_bytes(text))
    yield "body.load broken", lambda text: body.load(b'"\xff' + _bytes(text))
    yield "body.quoted", body.quoted
    yield "distribution content-type", lambda text: distribution.parse({"content-type": text}, b"{}")
    for field in ("tag", "repository", "digest", "url", "mediaType"):
        yield f"distribution {field}", partial(lambda field, text: distribution.parse({}, _event({field: text})), field)
    yield "distribution host", lambda text: distribution.parse({}, _event({"url": f"https://{text}/v2"}))
    yield "distribution many", lambda text: distribution.parse({}, _json({"events": list(text[:5_000])}))


def _token_request(**changed: str) -> challenges.TokenRequest:
    return challenges.TokenRequest(
        **{"realm": "https://r.example", "service": "", "scope": "", "account": "", **changed}
    )


def _event(target: dict[str, str]) -> bytes:
    whole = {"tag": "v1", "repository": "team/app", "url": "", **target}
    return _json({"events": [{"action": "push", "target": whole, "id": "1", "request": {"host": "h"}}]})


def _answer(text: str) -> failures.RegistryAnswer:
    found = _json({"errors": [{"code": text, "message": text}]})
    return failures.RegistryAnswer(status=500, headers=httpx.Headers({"retry-after": "1"}), body=found, url=_PAGE)


def _message(text: str) -> Message:
    link = Link(label=text, url=text)
    return Message(notification_id="1", kind=NotificationKind.FAILED, headline=text, detail=text, links=(link,))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
