"""A Nomad agent that exists only in memory: state machine, HTTP API, faults, and a ledger of every registration.

For the demo, contract tests and load runs. It knows nothing of registrywatcher; `agent.py` and `__main__.py` speak
HTTP, the rest is plain Python. Module docstrings cite the facts that they model in docs/nomad.md.
"""

from app.simulators.nomad.application import create_simulator_app
from app.simulators.nomad.faults import FaultAction, NomadFault
from app.simulators.nomad.ledger import Ledger, LedgerEntry
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.registration import JobRegistration
from app.simulators.nomad.samples import sample_job
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.timing import Fate, Timing, Verdict
from app.simulators.nomad.troubles import Misbehaviour

__all__ = [
    "Fate",
    "FaultAction",
    "JobRegistration",
    "Ledger",
    "LedgerEntry",
    "Misbehaviour",
    "NomadFault",
    "Refused",
    "Simulator",
    "Timing",
    "Verdict",
    "create_simulator_app",
    "sample_job",
]
