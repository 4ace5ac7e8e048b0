"""The transport of every httpx client here: it chooses the proxy, and bounds the headers of answers.

It must not know the requests. It bounds headers before anything parses them, httpx's own cookie jar included.
"""

import ssl

import httpx

from app.outbound.proxies import Proxies

LONGEST_HEADER = 8_192  # characters of one value; a real Link or challenge has some hundreds
MOST_VALUES = 32  # of one name; a server may send a Link or a challenge for each of several things
_FIX = "correct the server, or the proxy before it"

# The headers that any caller reads. All others are dropped; add a header here before you read it.
_READ = frozenset(
    {
        b"content-encoding", b"content-type", b"docker-content-digest", b"link", b"location", b"retry-after",
        b"www-authenticate", b"x-nomad-index", b"x-nomad-nexttoken",
    }
)  # fmt: skip


class AnswerRefused(Exception):
    """An answer that is not used. `cause` and `fix` are for people; an empty `fix` means that there is none."""

    def __init__(self, cause: str, *, fix: str = "") -> None:
        super().__init__("; ".join(filter(None, (cause, fix))))
        self.cause = cause
        self.fix = fix


class HeaderRefused(AnswerRefused):
    """A header is longer, or occurs more often, than its bound."""


class Network(httpx.AsyncBaseTransport):
    """Chooses the proxy of each request, so that a redirect or a realm on this machine bypasses it as well.

    `uds` is a unix socket to connect to instead; `instead` replaces the network. Raises ValueError or ImportError for
    an unusable proxy.
    """

    def __init__(
        self,
        *,
        verify: ssl.SSLContext | bool,
        limits: httpx.Limits,
        uds: str | None = None,
        instead: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._direct = instead or httpx.AsyncHTTPTransport(verify=verify, limits=limits, uds=uds)
        self._proxies = Proxies() if uds or instead else Proxies.of_environment()
        self._by_proxy = {
            url: httpx.AsyncHTTPTransport(verify=verify, limits=limits, proxy=url)
            for url in {*self._proxies.by_scheme.values()}
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Raises HeaderRefused for an answer whose headers exceed their bounds."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.host, request.url.port)
        transport = self._direct if proxy is None else self._by_proxy[proxy]
        response = await transport.handle_async_request(request)
        try:
            response.headers = httpx.Headers(kept(response.headers.raw))
        except HeaderRefused:
            await response.aclose()
            raise
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in (self._direct, *self._by_proxy.values()):
            await transport.aclose()


def kept(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that callers read. Raises HeaderRefused for one over its bound, since a part would mislead."""
    found = [(name.lower(), value) for name, value in headers]
    found = [(name, value) for name, value in found if name in _READ]
    names = [name for name, _ in found]
    for name in dict.fromkeys(names):
        if names.count(name) > MOST_VALUES:
            raise HeaderRefused(f"its answer has more than {MOST_VALUES} headers {_shown(name)}", fix=_FIX)
    for name, value in found:
        if len(value) > LONGEST_HEADER:
            raise HeaderRefused(
                f"its answer's header {_shown(name)} is longer than {LONGEST_HEADER:,} characters", fix=_FIX
            )
    return found


def _shown(name: bytes) -> str:
    return name.decode("ascii").title()
