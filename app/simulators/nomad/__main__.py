"""Run the simulated agent as a process, for the demo and for tests that need a real socket."""

from __future__ import annotations

import argparse
from pathlib import Path

import orjson
import uvicorn

from app.simulators.nomad.application import create_simulator_app
from app.simulators.nomad.persistence import load
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.timing import Timing


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    simulator = Simulator(timing=Timing(start=options.start, healthy=options.healthy), token=options.token)
    if options.state is not None:
        load(simulator, options.state)
    if options.jobs is not None:
        _seed(simulator, options.jobs)
    _serve(simulator, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulators.nomad", description="A simulated Nomad agent, in memory."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4646)
    parser.add_argument(
        "--jobs", type=Path, help="JSON list of jobs to begin with; a job that exists already is left alone"
    )
    parser.add_argument("--state", type=Path, help="file that keeps jobs, history and indexes over a restart")
    parser.add_argument("--token", help="secret of a management token; without it ACLs are off")
    parser.add_argument(
        "--start", type=float, default=0.0, help="seconds from the placement of an allocation to its running tasks"
    )
    parser.add_argument("--healthy", type=float, default=0.0, help="seconds from running to healthy")
    return parser


def _seed(simulator: Simulator, file: Path) -> None:
    for job in orjson.loads(file.read_bytes()):
        try:
            simulator.job(job["ID"], job.get("Namespace") or "default")
        except Refused:
            simulator.seed(job)


def _serve(simulator: Simulator, options: argparse.Namespace) -> None:
    app = create_simulator_app(simulator, state=options.state)
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
