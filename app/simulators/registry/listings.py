"""Lists over HTTP: the version check, the tags of a repository, the catalog, with each version's pagination.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
"""

from __future__ import annotations

from bisect import bisect_right
from urllib.parse import urlencode

from starlette.responses import Response

from .answers import RegistryError, json_answer, name_unknown
from .call import RegistryCall

_LARGEST_PAGE = 1000
_CATALOG_PAGE = 100


async def check_version(call: RegistryCall) -> Response:
    media_type = "application/json; charset=utf-8" if call.version == "2.8" else "application/json"
    return Response(b"{}", headers={"content-type": media_type})


async def list_tags(call: RegistryCall) -> Response:
    """2.8 ignores `n` and `last` and does not sort. 3.x (as in 3.1.1) sorts by bytes and has pages.

    A Link is also sent if a page ends exactly at the last tag. A repository without tags has `null`.
    """
    tags = call.registry.contents.tags(call.repository)
    if tags is None:
        raise name_unknown(call.repository)
    headers: dict[str, str] = {}
    if call.version == "3.x":
        tags, headers = _page(call, sorted(tags), default=None)
        if not tags and _requested_size(call) == 0:
            return json_answer({"name": call.repository, "tags": []}, version=call.version)
    return json_answer({"name": call.repository, "tags": tags or None}, version=call.version, headers=headers)


async def list_repositories(call: RegistryCall) -> Response:
    names, headers = _page(call, call.registry.contents.names(), default=_CATALOG_PAGE)
    return json_answer({"repositories": names}, version=call.version, headers=headers)


def _page(call: RegistryCall, names: list[str], *, default: int | None) -> tuple[list[str], dict[str, str]]:
    size = _requested_size(call)
    size = default if size is None else min(size, _LARGEST_PAGE)
    last = call.request.query_params.get("last", "")
    rest = names[bisect_right(names, last) :] if last else names
    if size is None:
        return rest, {}
    page = rest[:size]
    if len(page) < size or not page:
        return page, {}
    query = urlencode({"last": page[-1], "n": size})
    return page, {"link": f'<{call.request.url.path}?{query}>; rel="next"'}


def _requested_size(call: RegistryCall) -> int | None:
    text = call.request.query_params.get("n", "")
    if not text:
        return None
    if not text.isdecimal():
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", detail={"n": text})
    return int(text)
