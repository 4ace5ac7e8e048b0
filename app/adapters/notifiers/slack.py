"""Post notifications to an incoming webhook of Slack, or of a program with the same format (Mattermost, Rocket.Chat).

Format and errors: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, escaping and lengths:
https://docs.slack.dev/messaging/formatting-message-text. The webhook's URL is a secret, since everybody who knows it
can post, so no error and no log line contains it.
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
MAX_SECTION = 2900  # Slack accepts 3000 in a section's text
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
    """`Channel` on Slack; the caller closes `client`."""

    def __init__(self, client: httpx.AsyncClient, webhook_url: str) -> None:
        self._client = client
        self._webhook_url = webhook_url

    async def send(self, message: Message) -> None:
        """Post it. Raises Transient for no answer, 429 (with Retry-After) and 5xx, Permanent for any other refusal."""
        try:
            request = self._client.build_request(
                "POST", self._webhook_url, json=payload(message), headers={"Accept-Encoding": "identity"}
            )
            response = await self._client.send(request, stream=True)
            try:
                text = await self._answer_text(response)
            finally:
                await response.aclose()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):  # without the cause, which quotes the URL
            raise Permanent("Slack: webhook_url is no http or https URL; correct it") from None
        except HeaderRefused as error:
            raise Transient(f"Slack: {error}") from error
        except (httpx.HTTPError, OSError) as error:
            raise Transient(f"Slack did not answer: {type(error).__name__}; it is tried again") from error
        _require_success(response, text)

    async def _answer_text(self, response: httpx.Response) -> str:
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
    """The message as JSON: `text` for push notifications, and a section with the links where blocks are shown."""
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
    """`text` with `&`, `<` and `>` as entities, cut to `limit`, but never within an entity."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= limit:
        return escaped
    return _CUT_ENTITY.sub("", escaped[: limit - 1]) + "…"


def _require_success(response: httpx.Response, text: str) -> None:
    status = response.status_code
    if response.is_success:
        return
    answer = f"Slack answered {status}" + (f": {text}" if text else "")
    if status in _LATER or status >= 500:
        raise Transient(f"{answer}; it is tried again", retry_after=_seconds(response.headers.get("retry-after", "")))
    raise Permanent(f"{answer}; correct the webhook_url or its channel. It is tried again for three days")


def _seconds(text: str) -> float | None:
    """Slack's Retry-After in seconds, a whole number; None for anything else."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
