"""The endpoints of python-nomad, a set for each thread: requests does not promise that threads may share a session."""

import threading

import requests
from nomad.api.base import Requester

from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.session import open_session

_CONNECT_TIMEOUT = 5.0


class Endpoints:
    """Gives each thread its own endpoints, and closes the connections of all threads."""

    def __init__(self, access: NomadAccess) -> None:
        self._access = access
        self._local = threading.local()
        self._opened: list[requests.Session] = []
        self._lock = threading.Lock()

    def get(self, name: str) -> Requester:
        """This thread's endpoint `/v1/<name>`. Raises OSError when a certificate file cannot be used.

        It is built directly, because `nomad.Nomad` fills empty settings from NOMAD_* variables. Its `request` takes
        every parameter that we need; the named methods of python-nomad do not.
        """
        known: dict[str, Requester] | None = getattr(self._local, "endpoints", None)
        if known is None:
            session = open_session(self._access)
            self._local.session = session
            known = self._local.endpoints = {}
            with self._lock:
                self._opened.append(session)
        if name not in known:
            known[name] = self._made(name)
        return known[name]

    def close(self) -> None:
        """Close every connection; calls after this open new ones."""
        with self._lock:
            opened, self._opened = self._opened, []
        for session in opened:
            session.close()

    def _made(self, name: str) -> Requester:
        timeout = self._access.connection.timeout
        # The session's TLS context verifies and presents our certificate: see session.py.
        endpoint = Requester(
            address=self._access.base_url,
            timeout=(min(_CONNECT_TIMEOUT, timeout), timeout),
            verify=True,
            session=self._local.session,
        )
        endpoint.ENDPOINT = name
        return endpoint
