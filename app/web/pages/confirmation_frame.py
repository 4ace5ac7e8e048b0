"""Confirmation pages: each says what an action will do, and carries it out. One shape for every action.

A GET changes nothing. The POST of its form carries out the action, once even if sent twice. The page's script shows
the page as a dialog. Deploying has its own page (deploy.py), since it needs a tag.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from app.domain.reasons import MAX_REASON
from app.errors import RegistryWatcherError
from app.services.commands.preview import CommandPreview
from app.services.commands.watches import Reply
from app.web.http.auth import Role
from app.web.http.flash import by_script, came_from, done, refused
from app.web.http.forms import read_form
from app.web.http.responses import status_of
from app.web.render.pages import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The content of a confirmation page; `preview` is what would change in the job.

    With `takes_reason` the form has a field for the person's reason. `button` is "" if there is nothing to do: then the
    page says why, and has no button.
    """

    title: str
    sentences: tuple[str, ...]
    button: str
    danger: bool = False
    takes_reason: bool = False
    preview: CommandPreview | None = None


Prepare = Callable[[Request], Awaitable[Confirmation]]
Act = Callable[[Request, Mapping[str, str]], Awaitable[Reply]]
Back = Callable[[Request], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedAction:
    """An action with its confirmation page at /confirm/`path`; `back` is the page to return to."""

    path: str
    prepare: Prepare
    act: Act
    back: Back
    needs: Role = Role.DEPLOYER

    async def show(self, request: Request) -> Response:
        """200 with the page; 4xx when its watch or rollout does not exist."""
        return await self._page(request, {}, problem="", status=200)

    async def do(self, request: Request) -> Response:
        """Carry out the action; a refusal is shown on the page again, or beside the button."""
        fields = await read_form(request)
        try:
            reply = await self.act(request, fields)
        except RegistryWatcherError as error:
            status, back = status_of(error), self.back(request)
            if by_script(request):
                return refused(request, str(error), status=status, back=back)
            return await self._page(request, fields, problem=str(error), status=status)
        return done(request, reply, back=self.back(request))

    async def _page(self, request: Request, fields: Mapping[str, str], *, problem: str, status: int) -> Response:
        confirmation = await self.prepare(request)
        values = {
            "confirmation": confirmation,
            "problem": problem,
            "reason": fields.get("reason", ""),
            "max_reason": MAX_REASON,
            "idempotency_key": uuid4(),
            "back": self.back(request),
        }
        return await show(request, "confirmation.html", values, title=confirmation.title, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedAction:
    """An action at /confirm/`path` without a confirmation page, since it changes no job by itself."""

    path: str
    act: Act
    back: Back
    needs: Role = Role.DEPLOYER

    async def do(self, request: Request) -> Response:
        """Carry out the action; its result is shown on the page that had the form."""
        fields = await read_form(request)
        back = came_from(request, self.back(request))
        try:
            reply = await self.act(request, fields)
        except RegistryWatcherError as error:
            return refused(request, str(error), status=status_of(error), back=back)
        return done(request, reply, back=back)


async def with_preview(confirmation: Confirmation, preview: Awaitable[CommandPreview]) -> Confirmation:
    """The confirmation with its preview; without one, the cause is shown: the command can be stored all the same."""
    try:
        found = await preview
    except RegistryWatcherError as error:
        problem = f"No preview is available now: {error}."
        return replace(confirmation, sentences=(*confirmation.sentences, problem))
    return replace(confirmation, sentences=(*confirmation.sentences, f"{found.message}."), preview=found)
