"""Templates to pages: the filters that templates use, and answers that a browser need not fetch twice."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from app.web import labels
from app.web.assets import Assets

FOLDER = Path(__file__).parent / "templates"


class Pages:
    """Renders templates; one of it serves the whole process."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            time=_time,
            digest=_digest,
            breakable=_breakable,
            hold=labels.HOLDS.__getitem__,
            tone=labels.tone,
            outcome=labels.progress,
            outcome_tone=labels.progress_tone,
            origin=labels.ORIGINS.__getitem__,
        )
        self._environment.globals["static"] = Assets().url

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """The page as text."""
        return self._environment.get_template(template).render(values)

    def response(
        self, template: str, values: Mapping[str, object], *, status: int, headers: Mapping[str, str]
    ) -> Response:
        """The page as it is now, with `status`."""
        text = self.render(template, values)
        return Response(text, status, headers={"Cache-Control": "no-cache", **headers}, media_type="text/html")

    def fresh(self, request: Request, template: str, values: Mapping[str, object]) -> Response:
        """The page, or 304 when the browser has just this one: the live page asks every few seconds."""
        body = self.render(template, values).encode()
        tag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        headers = {"Cache-Control": "no-cache", "ETag": tag, "Vary": "Accept, Authorization, Cookie"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="text/html")


def _time(at: datetime | None) -> Markup:
    """A time that reads without scripts, and that live.js makes relative."""
    if at is None:
        return Markup("some time ago")
    text = at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    return Markup(f'<time datetime="{at.isoformat(timespec="seconds")}">{text} UTC</time>')


def _breakable(text: str) -> Markup:
    """A path that may be broken behind its slashes where it is too long for its line."""
    return escape(text).replace("/", Markup("/<wbr>"))


def _digest(digest: str) -> str:
    """A digest short enough to compare by eye: the algorithm and the first twelve digits."""
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}{colon}{value[:12]}" if colon else digest[:12]
