"""List all tags of a repository, over all pages, or fail: half a listing would look like deleted tags."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from app.adapters.registry import wire
from app.adapters.registry.client.connection import Connection
from app.adapters.registry.client.exchange import RegistryRequest
from app.adapters.registry.client.failures import RegistryAnswer, RegistryContext, refused, unavailable
from app.errors import RegistryWatcherError, RepositoryNotFound

_MOST_PAGES = 500


async def read_listing(connection: Connection, path: str, *, now: Callable[[], datetime]) -> tuple[str, ...]:
    """Every tag, each once. Ends at a page without link, an empty page, or a link that was followed already.

    Raises RegistryUnavailable (also for more pages or bytes than the limits), RegistryDenied, RepositoryNotFound.
    """
    subject = RegistryContext(endpoint=connection.endpoint, repository=path)
    first: str = wire.tags_url(connection.endpoint.origin, path)
    url: str | None = first
    bytes_left = wire.MAX_LIST_BYTES
    visited: set[str] = set()
    found: dict[str, None] = {}
    while url is not None and url not in visited:
        if len(visited) == _MOST_PAGES:
            raise unavailable(subject, f"its tag list has more than {_MOST_PAGES} pages")
        visited.add(url)
        answer = await _page(connection, subject, url, limit=bytes_left)
        if answer.status != HTTPStatus.OK:
            raise _failure(subject, answer, is_first=url == first, now=now())
        bytes_left -= len(answer.body)
        try:
            tags = wire.read_tags(answer.body)
            # Relative to our own URL: a redirect must not change the origin that gets our credentials.
            url = wire.next_page(answer.headers.get_list("link"), page=url) if tags else None
        except wire.Malformed as error:
            kind = wire.media_type(answer.headers.get("content-type", "")) or "no content type"
            raise unavailable(
                subject, f"{error} (HTTP {answer.status}, {kind})", fix="check registry_domain"
            ) from error
        found.update(dict.fromkeys(tags))
    connection.proven.add(path)
    return tuple(found)


async def require_repository(connection: Connection, path: str, *, now: Callable[[], datetime]) -> None:
    """Raise RepositoryNotFound when the registry does not know the repository. Sends no request for a proven one.

    A 404 to a HEAD has no body, so a missing tag looks like a missing repository. If the listing fails for another
    reason, the repository is assumed to exist.
    """
    if path in connection.proven:
        return
    try:
        subject = RegistryContext(endpoint=connection.endpoint, repository=path)
        answer = await _page(
            connection, subject, wire.one_tag_url(connection.endpoint.origin, path), limit=wire.MAX_LIST_BYTES
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise refused(subject, answer, now=now())
    except RepositoryNotFound:
        raise
    except RegistryWatcherError:
        return
    if answer.status == HTTPStatus.OK:
        connection.proven.add(path)


async def _page(connection: Connection, subject: RegistryContext, url: str, *, limit: int) -> RegistryAnswer:
    request = RegistryRequest(method="GET", url=url, limit=limit, accept="application/json")
    return await connection.fetch(request, repository=subject.repository)


def _failure(
    subject: RegistryContext, answer: RegistryAnswer, *, is_first: bool, now: datetime
) -> RegistryWatcherError:
    error = refused(subject, answer, now=now)
    if (
        isinstance(error, RepositoryNotFound) and not is_first
    ):  # Zot answers 404 when the last tag of a page was deleted during the listing
        return unavailable(subject, f"its tag list changed during the listing: HTTP {answer.status} for a later page")
    return error
