"""A request as a handler gets it, without a server."""

from urllib.parse import quote

from starlette.requests import Request


def request(path: str = "/", query: str = "", **headers: str) -> Request:
    """A GET of `path`; underscores in header names are hyphens."""
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "server": ("localhost", 8080),
            "path": path,
            "query_string": quote(query, safe="=&%+?/").encode(),
            "headers": [
                (name.replace("_", "-").lower().encode(), value.encode("latin-1"))
                for name, value in {"host": "localhost:8080", **headers}.items()
            ],
        }
    )
