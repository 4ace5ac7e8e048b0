"""Controls a line's Nomad: jobs, changes from outside, faults; and reads our registrations from its ledger."""

from dataclasses import dataclass
from typing import Any

from app.adapters.nomad.register.jobspec import MARKER
from app.simulators.nomad import LedgerEntry, sample_job
from app.simulators.nomad.faults import FaultAction as FaultAction
from app.simulators.nomad.faults import NomadFault
from tests.line.parts import Parts


@dataclass(kw_only=True)
class Nomads(Parts):
    """A line whose Nomad the test controls, and reads by its ledger."""

    def job(self, name: str, image: str, **fields: Any) -> None:
        """Register a job that runs `team/NAME` IMAGE (":v1.0.0", "@sha256:…"); it does not count as ours."""
        path = fields.pop("path", f"team/{name}")
        self.nomad.seed(sample_job(fields.pop("job", name), f"{self.host}/{path}{image}", **fields))

    def nomad_answers(self, status: int, *, method: str = "*", times: int = 1, text: str = "") -> None:
        """Make Nomad answer the next requests with this status."""
        self.nomad.faults.add(
            NomadFault(action=FaultAction.STATUS, method=method, status=status, times=times, text=text)
        )

    def nomad_loses_answers(self, *, times: int) -> None:
        """Make Nomad apply the next writes and drop the connection."""
        self.nomad.faults.add(NomadFault(action=FaultAction.RESET, method="POST", after=True, times=times))

    def nomad_hangs(self, seconds: float, *, method: str, path: str = "*") -> None:
        """Delay Nomad's next answer by this many seconds."""
        self.nomad.faults.add(NomadFault(action=FaultAction.HANG, method=method, path=path, seconds=seconds))

    def change_outside(self, job: str, image: str, *, path: str = "") -> None:
        """Change the image in the job, as somebody else would."""
        self.nomad.set_image(job, group="app", task="server", image=f"{self.host}/{path or f'team/{job}'}{image}")

    def markers(self, job: str) -> list[bool]:
        """For each of our registrations: whether it carried a marker that the previous one did not have."""
        found = [set(meta.values()) for meta in (self._meta(each) for each in self.nomad.ledger.entries(job=job))]
        return [bool(now - before) for before, now in zip([set[str](), *found], found, strict=False)]

    @staticmethod
    def _meta(entry: LedgerEntry) -> dict[tuple[str, str], str]:
        return {place: meta[MARKER] for place, meta in entry.metas.items() if MARKER in meta}

    def images(self, job: str, task: str = "server") -> list[str]:
        """Images of our registrations of the job, oldest first, without the registry's host."""
        return [self._image(entry, task) for entry in self.nomad.ledger.entries(job=job)]

    def _image(self, entry: LedgerEntry, task: str) -> str:
        found = [image for (_, name), image in entry.images.items() if name == task]
        return found[0].removeprefix(f"{self.host}/")
