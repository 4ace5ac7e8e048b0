"""A registry with one repository, whose tag list has a header that is hostile to its reader."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Hostile:
    """Every answer is 200 with `headers` and `body`; `asked` counts the requests."""

    host: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    trailers: str = ""
    body: bytes = b'{"name": "team/bad", "tags": ["v1.0.0", "v1.1.0"]}'
    asked: int = 0


@contextmanager
def hostile_registry(*headers: tuple[str, str]) -> Iterator[Hostile]:
    """It listens on loopback, in a thread for each connection."""
    hostile = Hostile(headers=[*headers])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hostile.asked += 1
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            for name, value in hostile.headers:
                self.send_header(name, value)
            if hostile.trailers:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                chunk = b"%x\r\n%b\r\n0\r\n" % (len(hostile.body), hostile.body)
                self.wfile.write(chunk + hostile.trailers.encode() + b"\r\n\r\n")
                return
            self.send_header("Content-Length", str(len(hostile.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(hostile.body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        hostile.host = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield hostile
        finally:
            server.shutdown()
            thread.join()
