"""Calls to Nomad's HTTP API through python-nomad, from any number of threads: JSON out, our errors out.

It must not know what answers mean.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import requests
from nomad.api.exceptions import BaseNomadException

from app.adapters.nomad import refusals
from app.adapters.nomad.errors import while_reading
from app.adapters.nomad.http.access import NomadAccess
from app.adapters.nomad.http.endpoints import Endpoints
from app.adapters.nomad.http.job_ids import ends_as_endpoint, is_job
from app.adapters.nomad.http.problem import Problem, Refusal, Silence, problem_of, refusal_of
from app.adapters.nomad.refusals import Doing
from app.domain.watch import JobPlace
from app.errors import JobRejected, RegistryWatcherError

# A server that is no Nomad answers `404 page not found`; that does not mean that the job is absent.
_ABSENT = ("job not found", "job versions not found")
_NO_SUCH_PAGE = "404 page not found"


class NomadClient:
    """Reads and registers jobs. Blocking calls, from any thread."""

    def __init__(self, access: NomadAccess) -> None:
        self._access = access
        self._endpoints = Endpoints(access)

    @property
    def origin(self) -> str:
        """The address for messages."""
        return self._access.connection.origin

    def job(self, place: JobPlace) -> dict[str, Any] | None:
        """The specification as stored, or None when Nomad has no such job (404).

        Raises JobRejected when Nomad answers with anything else than this job.
        """
        if ends_as_endpoint(place.job_id):
            found = max(self.versions(place), key=lambda each: int(each.get("Version") or 0), default=None)
        else:
            found = self._read(place, (), dict)
        if found is not None and not is_job(found, place.job_id):
            raise JobRejected(refusals.another_object(refusals.name_of(place), self.origin))
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
        """GET any other path under /v1 in the place's namespace and region. The segments are not yet quoted.

        Returns None for 404; raises as the other reads do. `shape` is the expected JSON type; `str` returns the text of
        an answer that is not JSON. `timeout` shortens the wait for calls that are not worth the usual one.
        """
        limited = {} if timeout is None else {"timeout": min(timeout, self._access.connection.timeout)}
        try:
            answer = self._send(self._call(place, path, method="get", query=query, **limited))
            # requests takes text without a charset (Nomad's logs) for Latin-1.
            return answer.content.decode("utf-8", "replace") if shape is str else _as_json(answer, shape)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.text != _NO_SUCH_PAGE:
                return None
            raise self._failed_read(refusal, place, path) from refusal
        except Silence as silence:
            raise self._failed_read(silence, place, path) from silence

    def post(self, place: JobPlace, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to any path under /v1; the segments are not yet quoted. Raises as `register` does."""
        reply: dict[str, Any] = _as_json(self._send(self._call(place, path, method="post", json=body)), dict)
        return reply

    def register(self, place: JobPlace, body: dict[str, Any]) -> dict[str, Any]:
        """POST the job. Raises Refusal or Silence: only the caller can say what a lost answer to a write means."""
        if ends_as_endpoint(place.job_id):
            return self.post(place, "jobs", body=body)
        return self.post(place, "job", place.job_id, body=body)

    def agent_version(self) -> str | None:
        """The agent's version (`1.9.7`), or None where the token may not read it (agent:read)."""
        about = self._about("agent", "self") or {}
        version: str | None = ((about.get("config") or {}).get("Version") or {}).get("Version")
        return version

    def own_token(self) -> dict[str, Any] | None:
        """Our ACL token, or None where Nomad does not describe it: no ACLs, a workload identity, a refused token."""
        return self._about("acl", "token", "self")

    def within(self, place: JobPlace, job: Mapping[str, Any]) -> JobPlace:
        """The place with the job's own region, where neither the place nor the connection names one."""
        return place if self._access.place(place).region else replace(place, region=job.get("Region") or "")

    def close(self) -> None:
        """Close every connection; calls after this open new ones."""
        self._endpoints.close()

    def _about(self, endpoint: str, *path: str) -> dict[str, Any] | None:
        """What Nomad says about itself or our token; None when it does not."""
        try:
            found: dict[str, Any] = _as_json(
                self._send(lambda headers: self._endpoints.get(endpoint).request(*path, method="get", headers=headers)),
                dict,
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
        return while_reading(problem, self.origin, doing=doing, place=self._access.place(place))

    def _call(
        self, place: JobPlace, path: tuple[str, ...], *, query: Mapping[str, str] | None = None, **request: Any
    ) -> Callable[..., requests.Response]:
        params = {**self._access.parameters(place), **(query or {})}
        endpoint, *segments = path
        quoted = self._access.path(*segments)
        # python-nomad changes the parameters that it is given.
        return lambda headers: self._endpoints.get(endpoint).request(
            *quoted, params=dict(params), headers=headers, **request
        )

    def _send(self, call: Callable[[dict[str, str]], requests.Response]) -> requests.Response:
        """Call. When Nomad refused the token, and so did nothing, call again with the token that the file has now."""
        used = self._access.token()
        try:
            return self._once(call, used)
        except Refusal as refusal:
            renewed = self._access.token_after(used, refusal.status)
            if renewed is None:
                raise
            return self._once(call, renewed)

    def _once(self, call: Callable[[dict[str, str]], requests.Response], token: str) -> requests.Response:
        try:
            answer = call(self._access.headers(token))
        except (BaseNomadException, requests.RequestException, OSError) as error:
            raise problem_of(error) from error
        if answer.status_code >= 300:  # python-nomad takes a redirect for success, and does not follow it
            raise refusal_of(answer)
        return answer


def _as_json(answer: requests.Response, shape: type) -> Any:
    try:
        parsed = answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise problem_of(error) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists
        raise Silence("the answer is not Nomad's JSON; correct NOMAD_ADDR", sent=True) from error
    if not isinstance(parsed, shape):
        raise Silence("the answer is not in Nomad's form; correct NOMAD_ADDR, or the proxy before Nomad", sent=True)
    return parsed
