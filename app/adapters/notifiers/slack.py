"""Posts notifications to a Slack incoming webhook, or to whatever speaks its form (Mattermost, Rocket.Chat).

Form and errors: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, escaping and lengths:
https://docs.slack.dev/messaging/formatting-message-text. The webhook's address is a secret: whoever knows it may post,
so it stands in no error and no log line.
"""

import re

import httpx

from app.adapters.notifiers.kind import ChannelKind
from app.domain.message import Message
from app.domain.notification import NotificationKind
from app.errors import Permanent, Transient
from app.outbound.client import BodyRefused, bounded, read_bounded
from app.outbound.network import HeaderRefused

MAX_HEADLINE = 400  # characters, escaped
MAX_SECTION = 2900  # Slack takes 3000 in a section's text
MAX_ANSWER = 2048  # bytes
MARKS = {
    NotificationKind.AUTO_DEPLOY_TOGGLED: "🔀",
    NotificationKind.DIGEST_CHANGED: "🔄",
    NotificationKind.DEPLOYING: "🚀",
    NotificationKind.SUCCEEDED: "✅",
    NotificationKind.FAILED: "❌",
    NotificationKind.SUPERSEDED: "⏭️",
    NotificationKind.AWAITS_PROMOTION: "🐤",
    NotificationKind.HELD: "✋",
    NotificationKind.OUTAGE: "⚠️",
    NotificationKind.ENDED: "⏹️",
}
_LATER = frozenset({408, 425, 429})
_CUT_ENTITY = re.compile(r"&[a-z]{0,3}$")


class SlackChannel:
    """`Channel` on Slack; `client` is the caller's to close."""

    def __init__(self, client: httpx.AsyncClient, webhook_url: str) -> None:
        self._client = client
        self._webhook_url = webhook_url

    async def send(self, message: Message) -> None:
        """Post it once. Transient for no answer, 429 (with Retry-After) and 5xx; Permanent for any other refusal."""
        try:
            request = self._client.build_request(
                "POST", self._webhook_url, json=payload(message), headers={"Accept-Encoding": "identity"}
            )
            response = await self._client.send(request, stream=True)
            try:
                words = await self._message(response)
            finally:
                await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):  # without the cause, which quotes the address
            raise Permanent("the Slack webhook_url is no http or https address: mend it") from None
        except HeaderRefused as error:
            raise Transient(f"Slack's answer is not read: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise Transient(f"Slack did not answer: {type(error).__name__}") from error
        _judge(response, words)

    async def _message(self, response: httpx.Response) -> str:
        try:
            body = await read_bounded(response, MAX_ANSWER)
        except BodyRefused:
            return ""
        return bounded(body.decode(errors="replace").replace(self._webhook_url, "…"), limit=100)


KIND = ChannelKind(
    name="slack",
    needs=("webhook_url",),
    open=lambda client, settings: SlackChannel(client, settings["webhook_url"]),
)


def payload(message: Message) -> dict[str, object]:
    """The message: `text` for notifications, and a section with the links for everybody who shows blocks."""
    headline = _escaped(f"{MARKS[message.kind]} {message.headline}", MAX_HEADLINE)
    section = f"*{headline}*"
    if message.detail:
        section += "\n" + _escaped(message.detail, MAX_SECTION - len(section))
    blocks: list[dict[str, object]] = [{"type": "section", "text": {"type": "mrkdwn", "text": section}}]
    if message.links:
        links = " · ".join(f"<{_escaped(each.url, 1000)}|{_escaped(each.label, 80)}>" for each in message.links)
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": links}]})
    return {"text": headline, "blocks": blocks, "unfurl_links": False}


def _escaped(text: str, limit: int) -> str:
    """With `&`, `<` and `>` as entities, cut to `limit` without leaving half of one."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    return _CUT_ENTITY.sub("", escaped[: limit - 1]) + "…"


def _judge(response: httpx.Response, words: str) -> None:
    status = response.status_code
    if response.is_success:
        return
    said = f"Slack answered {status}" + (f": {words}" if words else "")
    if status in _LATER or status >= 500:
        raise Transient(said, retry_after=_seconds(response.headers.get("retry-after", "")))
    raise Permanent(f"{said}. Mend the webhook_url or its channel; it is tried again for three days")


def _seconds(text: str) -> float | None:
    """Slack's Retry-After is whole seconds; anything else is as if it said nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
