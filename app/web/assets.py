"""The pages' own files, under URLs that change with them: a browser fetches each once, and never an old one."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"


class Assets:
    """What is under static/; read once, at start."""

    def __init__(self) -> None:
        files = [each for each in FOLDER.rglob("*") if each.is_file()]
        self._versions: Mapping[str, str] = {
            each.relative_to(FOLDER).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest()[:12] for each in files
        }
        self._files = StaticFiles(directory=FOLDER)

    def url(self, name: str) -> str:
        """Where the file is, in this version; KeyError for one that there is not."""
        return f"/static/{name}?v={self._versions[name]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file; under the URL of its version it may be kept for ever, else it is asked for each time."""
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [])
        keep = _FOR_EVER if asked == [self._versions.get(name)] else "no-cache"

        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 304):
                MutableHeaders(scope=message)["Cache-Control"] = keep
            await send(message)

        await self._files(scope, receive, send_kept)
