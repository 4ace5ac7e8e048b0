"""A Nomad that answers every request with one row and records it unchanged: over HTTP, or TLS with client certs."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request. `path` is still percent-encoded; `place` are its namespace and region; `peer` is the sender."""

    path: str
    place: dict[str, list[str]]
    token: str | None
    authorization: str | None
    agent: str | None
    peer: Any = None


@dataclass(slots=True, kw_only=True)
class Recorder:
    """The requests so far."""

    url: str = ""
    requests: list[Recorded] = field(default_factory=list)


@contextmanager
def recording_nomad(context: ssl.SSLContext | None = None) -> Iterator[Recorder]:
    """Serve on loopback; with a TLS `context` over https."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            place = {name: found for name, found in parse_qs(query).items() if name in ("namespace", "region")}
            recorder.requests.append(
                Recorded(
                    path=path,
                    place=place,
                    token=self.headers["X-Nomad-Token"],
                    authorization=self.headers["Authorization"],
                    agent=self.headers["User-Agent"],
                    peer=self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None,
                )
            )
            body = b'[{"ID": "1"}]'
            self.send_response(200)
            self.send_header("X-Nomad-Index", "7")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        recorder.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()
