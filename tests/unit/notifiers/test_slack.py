"""What Slack is sent, and what its answers mean."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import respx

from app.adapters.notifiers.slack import MARKS, SlackChannel, payload
from app.domain.message import Link, Message
from app.domain.notification import NotificationKind
from app.errors import Permanent, Transient
from app.outbound.client import open_client

URL = "https://hooks.slack.example/services/T0/B0/very-secret"
MESSAGE = Message(
    notification_id="1",
    kind=NotificationKind.FAILED,
    headline="app v1.1.0: failed",
    detail="a < b & c > d",
    links=(Link(label="Rollout", url="https://watch.example/rollouts/1?a=1&b=2"), Link(label="Nomad", url="http://n")),
)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client() as client:
        yield client


async def test_a_notification_becomes_text_and_blocks(client: httpx.AsyncClient) -> None:
    with respx.mock() as slack:
        posted = slack.post(URL).respond(200, text="ok")
        await SlackChannel(client, URL).send(MESSAGE)
    request = posted.calls.last.request
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "text": "❌ app v1.1.0: failed",
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": "*❌ app v1.1.0: failed*\na &lt; b &amp; c &gt; d"},
            },
            {
                "type": "context",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": "<https://watch.example/rollouts/1?a=1&amp;b=2|Rollout> · <http://n|Nomad>",
                    }
                ],
            },
        ],
        "unfurl_links": False,
    }


@pytest.mark.parametrize("kind", NotificationKind)
def test_every_kind_has_its_mark(kind: NotificationKind) -> None:
    assert payload(replace(MESSAGE, kind=kind))["text"] == f"{MARKS[kind]} app v1.1.0: failed"


def test_markup_in_names_cannot_mention_or_link() -> None:
    sent = json.dumps(payload(replace(MESSAGE, headline="<!channel> <https://evil|x>", detail="<@U1>", links=())))
    assert "<" not in sent
    assert "&lt;!channel&gt;" in sent


@pytest.mark.parametrize("letter", ["x", "&", "<", "é", "🚀"])
@pytest.mark.parametrize("more", range(6))
def test_long_texts_are_cut_within_slacks_limits_and_never_inside_an_entity(letter: str, more: int) -> None:
    sent = payload(replace(MESSAGE, headline="x" * more + letter * 5000, detail="x" * more + letter * 5000))
    blocks = sent["blocks"]
    assert isinstance(blocks, list)
    text = blocks[0]["text"]["text"]
    assert len(text) <= 3000
    bare = text.replace("&amp;", "").replace("&lt;", "")
    assert "&" not in bare
    assert text.count("…") == 2


async def test_without_detail_and_links_there_is_one_line(client: httpx.AsyncClient) -> None:
    assert payload(replace(MESSAGE, detail="", links=()))["blocks"] == [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*❌ app v1.1.0: failed*"}}
    ]


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (429, {"retry-after": "30"}, 30.0),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (429, {}, None),
        (500, {}, None),
        (503, {"retry-after": "5"}, 5.0),
        (408, {}, None),
    ],
)
async def test_what_passes_is_tried_later(
    client: httpx.AsyncClient, status: int, headers: dict[str, str], retry_after: float | None
) -> None:
    with respx.mock() as slack:
        slack.post(URL).respond(status, headers=headers, text="rollup_error")
        with pytest.raises(Transient, match=f"Slack answered {status}: rollup_error") as raised:
            await SlackChannel(client, URL).send(MESSAGE)
    assert raised.value.retry_after == retry_after


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
async def test_what_does_not_pass_by_itself_is_permanent(client: httpx.AsyncClient, status: int) -> None:
    with respx.mock() as slack:
        slack.post(URL).respond(status, text="no_service", headers={"location": "https://elsewhere.example"})
        with pytest.raises(Permanent, match=f"Slack answered {status}: no_service; correct the webhook_url"):
            await SlackChannel(client, URL).send(MESSAGE)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_no_answer_is_tried_later(client: httpx.AsyncClient, error: type[Exception]) -> None:
    with respx.mock() as slack:
        slack.post(URL).mock(side_effect=error)
        with pytest.raises(Transient, match=error.__name__):
            await SlackChannel(client, URL).send(MESSAGE)


@pytest.mark.parametrize("body", ["x" * 100_000, f"cannot post to {URL}"])
async def test_the_address_stands_in_no_error_and_answers_are_bounded(client: httpx.AsyncClient, body: str) -> None:
    with respx.mock() as slack:
        slack.post(URL).respond(404, text=body)
        with pytest.raises(Permanent) as raised:
            await SlackChannel(client, URL).send(MESSAGE)
    assert "very-secret" not in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("address", ["no-address/very-secret", "ftp://h/very-secret", "https://h:very-secret/"])
async def test_an_address_that_is_none_is_permanent_and_not_quoted(client: httpx.AsyncClient, address: str) -> None:
    with pytest.raises(Permanent, match="no http or https URL") as raised:
        await SlackChannel(client, address).send(MESSAGE)
    assert "very-secret" not in str(raised.value)
    assert raised.value.__suppress_context__
