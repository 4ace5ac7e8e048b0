"""A Nomad agent in memory: state machine, HTTP API, faults, and a ledger of every registration.

For the demo, contract tests and load tests. It knows nothing of registrywatcher. `agent.py`, `application.py`,
`control.py` and `__main__.py` use HTTP; the rest is plain Python. Module docstrings cite the facts of docs/nomad.md
that they follow.
"""

from app.simulators.nomad.application import create_simulator_app
from app.simulators.nomad.evaluation_faults import EvaluationFault
from app.simulators.nomad.faults import FaultAction, NomadFault
from app.simulators.nomad.ledger import Ledger, LedgerEntry
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.registration import JobRegistration
from app.simulators.nomad.samples import sample_job
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.snapshots import restore_snapshot, save_snapshot
from app.simulators.nomad.timing import Fate, Timing, Verdict

__all__ = [
    "EvaluationFault",
    "Fate",
    "FaultAction",
    "JobRegistration",
    "Ledger",
    "LedgerEntry",
    "NomadFault",
    "Refused",
    "Simulator",
    "Timing",
    "Verdict",
    "create_simulator_app",
    "restore_snapshot",
    "sample_job",
    "save_snapshot",
]
