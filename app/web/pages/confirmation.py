"""Confirmation pages: what a button would do and what follows from it, and doing it. One shape for every action.

A GET tells and changes nothing; the POST of the form on it does it, once however often it is sent. With a script the
page is shown as a dialog. Deploying has a page of its own, since there is a tag to pick.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from app.errors import RegistryWatcherError
from app.services.commands.preview import CommandPreview
from app.services.commands.watches import Reply
from app.web.http.answers import status_of
from app.web.http.auth import Role
from app.web.http.flash import by_script, came_from, done, refused
from app.web.http.forms import read_form
from app.web.render.pages import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What a confirmation page says; `seen` is what would change in the job."""

    title: str
    sentences: tuple[str, ...]
    button: str
    danger: bool = False
    impossible: bool = False
    seen: CommandPreview | None = None


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
        """200 with the page; 4xx for what there is not."""
        return await self._page(request, problem="", status=200)

    async def do(self, request: Request) -> Response:
        """Told how it went; a refusal stands on the page again, or beside the button."""
        fields = await read_form(request)
        try:
            reply = await self.act(request, fields)
        except RegistryWatcherError as error:
            status, back = status_of(error), self.back(request)
            if by_script(request):
                return refused(request, str(error), status=status, back=back)
            return await self._page(request, problem=str(error), status=status)
        return done(request, reply, back=self.back(request))

    async def _page(self, request: Request, *, problem: str, status: int) -> Response:
        ask = await self.prepare(request)
        values = {"ask": ask, "problem": problem, "idempotency_key": uuid4(), "back": self.back(request)}
        return await show(request, "confirmation.html", values, title=ask.title, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnconfirmedAction:
    """An action that changes no job by itself and needs no confirmation, at /confirm/`path`."""

    path: str
    act: Act
    back: Back
    needs: Role = Role.DEPLOYER

    async def do(self, request: Request) -> Response:
        """Told how it went, on the page where the form was."""
        fields = await read_form(request)
        back = came_from(request, self.back(request))
        try:
            reply = await self.act(request, fields)
        except RegistryWatcherError as error:
            return refused(request, str(error), status=status_of(error), back=back)
        return done(request, reply, back=back)


async def with_preview(ask: Confirmation, resolved_watches: Awaitable[CommandPreview]) -> Confirmation:
    """The ask with what would change; where that cannot be told now, why not: the wish can be stored all the same."""
    try:
        seen = await resolved_watches
    except RegistryWatcherError as error:
        return replace(ask, sentences=(*ask.sentences, f"What it would change cannot be told now: {error}."))
    return replace(ask, sentences=(*ask.sentences, f"{seen.message}."), seen=seen)
