"""The static files for browsers. A file's URL changes with its content, so that browsers can cache it for ever."""

import hashlib
import os
from pathlib import Path
from urllib.parse import parse_qs, quote

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"

_FOR_EVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"  # by its ETag


class Assets(StaticFiles):
    """Serves the files of a folder, which does not change while the process runs."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)
        self._folder = folder.resolve()
        self._versions: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The URL of the file with its current content; KeyError when there is no such file."""
        return f"{PREFIX}/{quote(name)}?v={self._version(name)}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; cached for ever when requested by its current version, revalidated otherwise."""
        response = await super().get_response(path, scope)
        versions = parse_qs(scope["query_string"].decode("latin-1")).get("v", [])
        kept = response.status_code in (200, 304) and versions == [self._version(path.replace(os.sep, "/"))]
        response.headers["Cache-Control"] = _FOR_EVER if kept else _REVALIDATE
        return response

    def _version(self, name: str) -> str:
        if name not in self._versions:
            path = (self._folder / name).resolve()
            if not (path.is_relative_to(self._folder) and path.is_file()):
                raise KeyError(f"no file {name!r} in {self._folder}")
            self._versions[name] = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        return self._versions[name]
