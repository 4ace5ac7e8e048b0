"""Calls to Nomad's HTTP API through python-nomad, from any number of threads: JSON out, our errors out.

Every call names namespace and region itself: python-nomad leaves them out of some. It must not know what answers mean.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import requests
from nomad.api.base import Requester
from nomad.api.exceptions import BaseNomadException

from app.adapters.nomad.errors import while_reading
from app.adapters.nomad.http.connection import NomadConnection
from app.adapters.nomad.http.problem import Problem, Refusal, Silence, problem_of, refusal_of
from app.adapters.nomad.http.token import Token
from app.adapters.nomad.http.transport import base_address, open_session, verification
from app.adapters.nomad.refusals import Doing
from app.domain.watch import JobPlace
from app.errors import RegistryWatcherError

_CONNECT_TIMEOUT = 5.0
# Another server at this address says `404 page not found`, which tells nothing about a job.
_ABSENT = ("job not found", "job versions not found")


class NomadClient:
    """Reads and registers jobs. Each thread has its session: requests does not promise to share one safely."""

    def __init__(self, connection: NomadConnection) -> None:
        connection.check()
        self._connection = connection
        self._token = Token(connection.token, connection.token_file)
        self._local = threading.local()
        self._opened: list[requests.Session] = []
        self._lock = threading.Lock()

    @property
    def origin(self) -> str:
        """The address for messages."""
        return self._connection.origin

    def job(self, place: JobPlace) -> dict[str, Any] | None:
        """The specification as stored, or None when Nomad has no such job (404)."""
        found: dict[str, Any] | None = self._read(place, (), dict)
        return found

    def of_job(self, place: JobPlace, kind: str) -> list[dict[str, Any]]:
        """The `deployments`, `evaluations` or `allocations` of the job; none when there is no such job."""
        found: list[dict[str, Any]] = self._read(place, (kind,), list) or []
        return found

    def versions(self, place: JobPlace) -> list[dict[str, Any]]:
        """The versions of the job that Nomad still keeps, newest first; none when there is no such job."""
        found: dict[str, Any] = self._read(place, ("versions",), dict) or {}
        return found.get("Versions") or []

    def get(self, place: JobPlace, *path: str, shape: type, timeout: float | None = None, **query: str) -> Any:
        """GET any other path under /v1, its segments unquoted, in the place's namespace and region.

        None for 404; raises as reads do. `shape` str gives the text of an answer that is no JSON; `timeout` is for
        what must not take as long as other calls may.
        """
        limited = {} if timeout is None else {"timeout": min(timeout, self._connection.timeout)}
        try:
            answer = self._send(self._call(place, path, method="get", query=query, **limited))
            # requests takes text without a charset (Nomad's logs) for Latin-1.
            return answer.content.decode("utf-8", "replace") if shape is str else _as_json(answer, shape)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.text != "404 page not found":
                return None
            raise self._failed_read(refusal, place, path) from refusal
        except Silence as silence:
            raise self._failed_read(silence, place, path) from silence

    def post(self, place: JobPlace, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to any path under /v1, its segments unquoted. Raises Refusal or Silence, as `register` does."""
        reply: dict[str, Any] = _as_json(self._send(self._call(place, path, method="post", json=body)), dict)
        return reply

    def register(self, place: JobPlace, body: dict[str, Any]) -> dict[str, Any]:
        """POST the job. Raises Refusal or Silence: only the caller can say what a lost answer to a write means."""
        return self.post(place, "job", place.job_id, body=body)

    def agent_version(self) -> str | None:
        """The agent's version (`1.9.7`), or None where the token may not read it (agent:read)."""
        about = self._about("agent", "self") or {}
        version: str | None = ((about.get("config") or {}).get("Version") or {}).get("Version")
        return version

    def own_token(self) -> dict[str, Any] | None:
        """The ACL token that we use, or None where there is none to tell of (no ACLs, a workload's, not accepted)."""
        return self._about("acl", "token", "self")

    def within(self, place: JobPlace, job: Mapping[str, Any]) -> JobPlace:
        """The place with the region that the job itself names, where nobody else names one."""
        return place if place.region or self._connection.region else replace(place, region=job.get("Region") or "")

    def close(self) -> None:
        """Close every connection; calls after this open new ones."""
        with self._lock:
            opened, self._opened = self._opened, []
        for session in opened:
            session.close()

    def _about(self, endpoint: str, *path: str) -> dict[str, Any] | None:
        """What Nomad tells about itself or us; None when it does not."""
        try:
            found: dict[str, Any] = _as_json(
                self._send(lambda headers: self._endpoint(endpoint).request(*path, method="get", headers=headers)), dict
            )
        except (Refusal, Silence):
            return None
        return found

    def _read(self, place: JobPlace, path: tuple[str, ...], shape: type) -> Any:
        try:
            return _as_json(self._send(self._call(place, ("job", place.job_id, *path), method="get")), shape)
        except Refusal as refusal:
            if refusal.status == 404 and any(text in refusal.text for text in _ABSENT):
                return None
            raise self._failed_read(refusal, place, path) from refusal
        except Silence as silence:
            raise self._failed_read(silence, place, path) from silence

    def _failed_read(self, problem: Problem, place: JobPlace, path: tuple[str, ...]) -> RegistryWatcherError:
        doing = Doing.READING_LOGS if "logs" in path else Doing.READING
        return while_reading(problem, self.origin, doing=doing, place=self._settled(place))

    def _settled(self, place: JobPlace) -> JobPlace:
        """The place with the namespace and region that its calls name."""
        known = self._connection
        return replace(
            place, namespace=place.namespace or known.namespace or "default", region=place.region or known.region
        )

    def _call(
        self, place: JobPlace, path: tuple[str, ...], *, query: Mapping[str, str] | None = None, **request: Any
    ) -> Callable[..., requests.Response]:
        settled = self._settled(place)
        params = {"namespace": settled.namespace, **(query or {})}
        if settled.region:
            params["region"] = settled.region
        endpoint, *segments = path
        quoted = [quote(segment, safe="") for segment in segments]
        return lambda headers: self._endpoint(endpoint).request(
            *quoted, params=dict(params), headers=headers, **request
        )

    def _send(self, call: Callable[[dict[str, str]], requests.Response]) -> requests.Response:
        """Call; when the token was refused (nothing was done then), once more with the one that the file has by now."""
        used = self._token.current()
        try:
            return self._once(call, used)
        except Refusal as refusal:
            renewed = self._token.renewed(used) if refusal.status in (401, 403) else None
            if renewed is None:
                raise
            return self._once(call, renewed)

    def _once(self, call: Callable[[dict[str, str]], requests.Response], token: str) -> requests.Response:
        try:
            answer = call({"X-Nomad-Token": token} if token else {})
        except (BaseNomadException, requests.RequestException, OSError) as error:
            raise problem_of(error) from error
        if answer.status_code >= 300:  # python-nomad lets redirects pass, and does not follow them
            raise refusal_of(answer)
        return answer

    def _endpoint(self, name: str) -> Requester:
        """This thread's endpoint `/v1/<name>`: python-nomad's escape hatch, which takes every parameter that we need.

        Built directly: nomad.Nomad fills what we leave empty from NOMAD_* variables.
        """
        known: dict[str, Requester] | None = getattr(self._local, "endpoints", None)
        if known is None:
            self._local.session = open_session(self._connection)
            known = self._local.endpoints = {}
            with self._lock:
                self._opened.append(self._local.session)
        if name not in known:
            known[name] = Requester(**self._settings(self._local.session))
            known[name].ENDPOINT = name
        return known[name]

    def _settings(self, session: requests.Session) -> dict[str, Any]:
        known = self._connection
        certificate = (known.client_cert, known.client_key) if known.client_key else known.client_cert or ()
        return {
            "address": base_address(known),
            "timeout": (min(_CONNECT_TIMEOUT, known.timeout), known.timeout),
            "verify": verification(known),
            "cert": certificate,
            "session": session,
        }


def _as_json(answer: requests.Response, shape: type) -> Any:
    try:
        parsed = answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise problem_of(error) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists
        raise Silence("the answer is not Nomad's JSON; correct NOMAD_ADDR", sent=True) from error
    if not isinstance(parsed, shape):
        raise Silence("the answer is not of Nomad's form; correct NOMAD_ADDR, or the proxy before Nomad", sent=True)
    return parsed
