"""A Nomad agent that exists only in memory: state machine, HTTP API, faults, and a ledger of every registration.

For the demo, contract tests and load runs. It knows nothing of registrywatcher; `agent.py` and `__main__.py` speak
HTTP, the rest is plain Python. Module docstrings cite the facts that they model in docs/nomad.md.
"""

from app.local.nomad.application import create_simulator_app
from app.local.nomad.faults import Action, Fault
from app.local.nomad.ledger import Entry, Ledger
from app.local.nomad.refusal import Refused
from app.local.nomad.registration import Registration
from app.local.nomad.samples import sample_job
from app.local.nomad.simulator import Simulator
from app.local.nomad.timing import Fate, Timing, Verdict
from app.local.nomad.troubles import Trouble

__all__ = [
    "Action",
    "Entry",
    "Fate",
    "Fault",
    "Ledger",
    "Refused",
    "Registration",
    "Simulator",
    "Timing",
    "Trouble",
    "Verdict",
    "create_simulator_app",
    "sample_job",
]
