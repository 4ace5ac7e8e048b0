"""The control API under /simulator, for tests in another process and for people at the demo. Not part of Nomad.

Bodies and replies are JSON. A mistake in a body is a 400 with a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.simulators.nomad.evaluation_faults import EvaluationFault
from app.simulators.nomad.faults import NomadFault
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.timing import Fate, Timing

Action = Callable[[Request, Json], Any]


def control_routes(simulator: Simulator) -> list[Route]:
    """The URL table of the control API."""
    nomad = Control(simulator)
    return [
        _route("GET", "/simulator/ledger", nomad.ledger),
        _route("DELETE", "/simulator/ledger", nomad.clear_ledger),
        _route("GET", "/simulator/requests", nomad.requests),
        _route("PUT", "/simulator/timing", nomad.set_timing),
        _route("POST", "/simulator/skip", nomad.skip),
        _route("POST", "/simulator/verdicts", nomad.judge),
        _route("DELETE", "/simulator/verdicts", nomad.pardon),
        _route("POST", "/simulator/faults", nomad.add_faults),
        _route("DELETE", "/simulator/faults", nomad.clear_faults),
        _route("POST", "/simulator/tokens", nomad.add_token),
        _route("DELETE", "/simulator/tokens/{secret}", nomad.revoke_token),
        _route("PUT", "/simulator/registrations", nomad.reject_registrations),
        _route("POST", "/simulator/images", nomad.publish),
        _route("POST", "/simulator/forget", nomad.forget),
        _route("POST", "/simulator/evaluation-faults", nomad.fail_evaluation),
        _route("POST", "/simulator/jobs", nomad.seed),
        _route("POST", "/simulator/scale", nomad.scale),
        _route("POST", "/simulator/jobs/{job:path}/image", nomad.set_image),
        _route("POST", "/simulator/jobs/{job:path}/stop", nomad.stop),
        _route("GET", "/simulator/jobs/{job:path}/running", nomad.running),
    ]


class Control:
    """One method for each route: request and decoded body in, JSON value out."""

    def __init__(self, simulator: Simulator) -> None:
        self._nomad = simulator

    def ledger(self, request: Request, body: Json) -> Any:
        """Query: `job`, `since` (a sequence number), `origin` (client by default, a LedgerEntry's origin, or all)."""
        query = request.query_params
        origin = query.get("origin", "client")
        entries = self._nomad.ledger.entries(
            job=query.get("job"), since=int(query.get("since", "0")), origin=None if origin == "all" else origin
        )
        return [entry.as_json() for entry in entries]

    def clear_ledger(self, request: Request, body: Json) -> Any:
        self._nomad.ledger.clear()

    def requests(self, request: Request, body: Json) -> Any:
        return dict(self._nomad.ledger.requests)

    def set_timing(self, request: Request, body: Json) -> Any:
        self._nomad.set_timing(Timing(**body))

    def skip(self, request: Request, body: Json) -> Any:
        self._nomad.skip(float(body["seconds"]))

    def judge(self, request: Request, body: Json) -> Any:
        self._nomad.judge(body["image"], Fate(body["fate"]), body.get("text", ""))

    def pardon(self, request: Request, body: Json) -> Any:
        self._nomad.pardon(request.query_params.get("image"))

    def add_faults(self, request: Request, body: Json) -> Any:
        self._nomad.faults.add(*(NomadFault.from_json(fault) for fault in body.get("faults", [body])))

    def clear_faults(self, request: Request, body: Json) -> Any:
        self._nomad.faults.clear()

    def add_token(self, request: Request, body: Json) -> Any:
        """`{"secret", "capabilities": {namespace: [capability]}, "seconds"?}`."""
        token = self._nomad.add_token(body["secret"], body["capabilities"], seconds=body.get("seconds"))
        return {"accessor": token.accessor}

    def revoke_token(self, request: Request, body: Json) -> Any:
        self._nomad.revoke_token(request.path_params["secret"])

    def reject_registrations(self, request: Request, body: Json) -> Any:
        self._nomad.reject_registrations(rejected=bool(body["rejected"]))

    def publish(self, request: Request, body: Json) -> Any:
        self._nomad.publish(body["image"], body["digest"])

    def forget(self, request: Request, body: Json) -> Any:
        self._nomad.forget(deployment=body.get("deployment", ""), evaluation=body.get("evaluation", ""))

    def fail_evaluation(self, request: Request, body: Json) -> Any:
        self._nomad.fail_evaluation(body["job"], EvaluationFault(body["fault"]))

    def running(self, request: Request, body: Json) -> Any:
        namespace = request.query_params.get("namespace", "default")
        return self._nomad.running(request.path_params["job"], namespace)

    def seed(self, request: Request, body: Json) -> Any:
        return self._nomad.seed(body.get("Job", body))

    def scale(self, request: Request, body: Json) -> Any:
        return self._nomad.scale(body["job"], count=body["count"], group=body.get("group"), namespace=_namespace(body))

    def set_image(self, request: Request, body: Json) -> Any:
        return self._nomad.set_image(
            request.path_params["job"],
            group=body.get("group", "app"),
            task=body.get("task", "server"),
            image=body["image"],
            namespace=_namespace(body),
        )

    def stop(self, request: Request, body: Json) -> Any:
        purge = bool(body.get("purge"))
        return self._nomad.stop(request.path_params["job"], purge=purge, namespace=_namespace(body))


def _route(method: str, path: str, action: Action) -> Route:
    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw else {}
            return _json(action(request, body if isinstance(body, dict) else {"faults": body}))
        except Refused as refused:
            return Response(refused.text, refused.status, media_type="text/plain")
        except (KeyError, TypeError, ValueError) as mistake:
            return Response(f"{type(mistake).__name__}: {mistake}", 400, media_type="text/plain")

    return Route(path, endpoint, methods=[method])


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _namespace(body: Json) -> str:
    return str(body.get("namespace") or "default")
