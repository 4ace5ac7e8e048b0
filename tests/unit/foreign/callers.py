"""Readers of input from browsers, scripts and the environment, and of host names from anybody."""

import base64
from collections.abc import Iterator
from functools import partial
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.postgres.views import feed as payloads
from app.domain import reasons
from app.outbound.loopback import address, is_loopback, stays_here
from app.outbound.proxies import Proxies
from app.settings import kinds, listening, variables
from app.settings.duration import parse_duration
from app.settings.faults import FaultList
from app.settings.outward import outward
from app.web.api import reason, rule_change, webhooks
from app.web.http import auth, flash, forms, responses, session
from app.web.http.arrival import Arrival, Listening, arrival
from app.web.pages import login, repositories
from app.web.render import paging
from tests.unit.foreign.texts import Reader

_TOKEN = auth.AccessToken(name="ci", role=auth.Role.ADMIN, matches=lambda _: False, sign=lambda _: b"x")

_TEXTS = ("Text", "Names", "Duration", "JobName", "UserAndPassword")
_URLS = ("ExternalUrl", "NomadUrl", "SecretUrl", "PostgresUrl", "RedisUrl")


def readers() -> Iterator[tuple[str, Reader]]:
    yield from _headers()
    yield from _pages()
    yield from _hosts()
    yield from _settings()


def _headers() -> Iterator[tuple[str, Reader]]:
    guarded, open_ = auth.Access(tokens=(_TOKEN,)), auth.Access()
    here = Arrival(listening=Listening(addresses=("127.0.0.1",)), peer="127.0.0.1")
    for name in ("authorization", "cookie"):
        for form in ("{}", "Bearer {}", "Basic {}", "registrywatcher={}", "told={}"):
            yield (
                f"auth.admit {name} {form}",
                partial(
                    lambda name, form, text: guarded.admit(
                        _headers_of({name: form.format(text)}), auth.Role.VIEWER, now=0
                    ),
                    name,
                    form,
                ),
            )
    yield (
        "auth.admit host",
        lambda text: open_.admit(_headers_of({"host": text}), auth.Role.VIEWER, now=0, arrival=here),
    )
    yield (
        "auth.admit host's port",
        lambda text: open_.admit(_headers_of({"host": f"h:{text}"}), auth.Role.VIEWER, now=0, arrival=here),
    )
    yield (
        "arrival.arrival",
        lambda text: arrival(
            {
                "headers": [
                    (text.encode("latin-1", "replace"), b""),
                    (b"x-forwarded-for", text.encode("utf-8", "replace")),
                ]
            },
            Listening(),
        ),
    )
    yield "auth.check_origin", lambda text: auth.check_origin(_headers_of({"origin": text}), frozenset())
    yield (
        "auth.check_origin host",
        lambda text: auth.check_origin(_headers_of({"origin": f"https://{text}"}), frozenset()),
    )
    yield "respond.prefers_html", lambda text: responses.prefers_html(_request(accept=text))
    yield "respond.prefers_html type", lambda text: responses.prefers_html(_request(accept=f"text/html;{text}"))
    yield "telling.came_from", lambda text: flash.came_from(_request(referer=text), "/")
    yield "telling.came_from path", lambda text: flash.came_from(_request(referer=f"http://h/{text}"), "/")
    yield "telling.take_flash", lambda text: flash.take_flash(_request(cookie=f"told={text}"))
    yield (
        "telling.take_flash content",
        lambda text: flash.take_flash(_request(cookie=f"told={base64.urlsafe_b64encode(_bytes(text)).decode()}")),
    )
    yield "telling.take_flash cookies", lambda text: flash.take_flash(_request(cookie=text))
    yield "telling the flash", lambda text: flash._fitting(flash.Flash(message=text, failed=True))
    yield "session.is_valid", lambda text: session.is_valid(text, _TOKEN, now=0)
    yield "session.is_valid expiry", lambda text: session.is_valid(f"Y2k.{text}.", _TOKEN, now=0)


def _pages() -> Iterator[tuple[str, Reader]]:
    yield "forms.parse_form", lambda text: forms.parse_form(_bytes(text))
    yield "forms.once", lambda text: forms.idempotency_key({"idempotency_key": text})
    yield "forms.own_path", forms.own_path
    yield "forms.own_path path", lambda text: forms.own_path(f"/{text}")
    yield "reason.parse_reason", lambda text: reason.parse_reason(_bytes(text))
    yield "reasons.tidied", reasons.tidied
    yield "wishes.parse_wish", lambda text: rule_change.parse_rule_change(_bytes(text))
    yield (
        "wishes.parse_wish keys",
        lambda text: rule_change.parse_rule_change(_bytes("{" + '"a":1,' * (len(text) // 6) + '"a":1}')),
    )
    yield (
        "wishes.parse_wish many keys",
        lambda text: rule_change.parse_rule_change(
            _bytes(
                "{" + ",".join(f'"{number}":1' for number in range(len(text) // 9)) + f',"{len(text) // 9 - 1}":1' + "}"
            )
        ),
    )
    yield "wishes.parse_wish value", lambda text: rule_change.parse_rule_change(_bytes('{"pinned_tag": ' + text + "}"))
    yield "paging.moment", paging.moment
    yield "paging.moment fraction", lambda text: paging.moment(f"2026-11-28T10:00:00.{text}")
    yield (
        "repositories.read",
        lambda text: repositories.read(QueryParams(f"q={text}&text={text}&state={text}&from={text}")),
    )
    yield "repositories.read query", lambda text: repositories.read(QueryParams(text))
    yield "login.login_url", lambda text: login.login_url(_request(query=text, path=f"/{text}"))
    yield "webhooks name", webhooks._NAME.fullmatch
    yield "notified changes", lambda text: [form.fullmatch(text) for form in (payloads._TARGET, payloads._ROLLOUT)]


def _hosts() -> Iterator[tuple[str, Reader]]:
    for form in ("{}", "[{}]", "1{}", "{}.localhost", "0x{}", "::{}"):
        yield (
            f"loopback {form}",
            partial(
                lambda form, text: [reader(form.format(text)) for reader in (is_loopback, stays_here, address)], form
            ),
        )
        yield (
            f"proxies host {form}",
            partial(lambda form, text: _proxies("10.0.0.0/8").proxy_for("http", form.format(text), None), form),
        )
        yield (
            f"proxies exempt {form}",
            partial(lambda form, text: _proxies(form.format(text)).proxy_for("http", "h", 80), form),
        )
    yield "proxies URL", lambda text: _proxies("a").proxy_for_url(f"http://{text}")


def _settings() -> Iterator[tuple[str, Reader]]:
    for name in (*_TEXTS, *_URLS):
        adapter: TypeAdapter[Any] = TypeAdapter(getattr(kinds, name), config=ConfigDict(arbitrary_types_allowed=True))
        for form in ("{}", "https://{}", "postgresql://h/?sslmode={}", "${{{}"):
            yield (
                f"kinds.{name} {form}",
                partial(lambda adapter, form, text: adapter.validate_python(form.format(text)), adapter, form),
            )
    yield "duration", parse_duration
    yield "outward", lambda text: outward(f"https://{text}")
    yield "listening", lambda text: listening.read_listening(text, {"PORT": text}, _faults())
    yield "listening host", lambda text: listening.read_listening(f"[{text}]:8080", {"PORT": text}, _faults())
    yield "variables.is_ours", lambda text: variables.is_ours(f"REGISTRYWATCHER_{text}")
    yield "variables.is_ours port", lambda text: variables.is_ours(f"REGISTRYWATCHER_PORT_{text}")
    yield "nomad connection", lambda text: NomadConnection(address=f"http://{text}").check()


def _request(path: str = "/", query: str = "", **headers: str) -> Request:
    sent = [(name.encode(), _bytes(value)) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": "http", "server": ("localhost", 8080), "path": path}
    return Request({**scope, "query_string": _bytes(query), "headers": sent})


def _headers_of(values: dict[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), _bytes(value)) for name, value in values.items()])


def _proxies(exempt: str) -> Proxies:
    return Proxies(by_scheme={"http": "http://proxy:3128"}, exempt=(exempt.lower(),))


def _faults() -> FaultList:
    return FaultList("the file")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
