"""Our own files for browsers: an address that changes with the text, so that a browser need not ask for it again."""

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
_ASK_AGAIN = "no-cache"  # by its ETag


class Assets(StaticFiles):
    """Serves the files of a folder that does not change while the process lives."""

    def __init__(self, folder: Path = FOLDER) -> None:
        super().__init__(directory=folder)
        self._folder = folder.resolve()
        self._versions: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The address of this very text of the file; KeyError when there is no such file."""
        return f"{PREFIX}/{quote(name)}?v={self._version(name)}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; kept for ever when it was asked for by the version that it has, and asked for again otherwise."""
        answer = await super().get_response(path, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [])
        kept = answer.status_code in (200, 304) and asked == [self._version(path.replace(os.sep, "/"))]
        answer.headers["Cache-Control"] = _FOR_EVER if kept else _ASK_AGAIN
        return answer

    def _version(self, name: str) -> str:
        if name not in self._versions:
            path = (self._folder / name).resolve()
            if not (path.is_relative_to(self._folder) and path.is_file()):
                raise KeyError(f"no file {name!r} in {self._folder}")
            self._versions[name] = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        return self._versions[name]
