"""Files by which a test tells killing_worker at which step a worker is killed or frozen, and learns when it
happened."""

from contextlib import suppress
from pathlib import Path


class Flags:
    """The armed step, whose next worker is killed or frozen, and the time when it happened."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._armed, self._killed, self._thawed = directory / "armed", directory / "killed", directory / "thawed"
        for each in (directory, self._armed, self._killed, self._thawed, directory / "frozen"):
            each.mkdir()

    def arm(self, step: str, job: str, *, freeze: float = 0.0) -> None:
        """Kill the worker that reaches the step, or freeze it for that many seconds."""
        flag = f"{step}@{job}"
        for each in (self._killed, self._thawed):
            (each / flag).unlink(missing_ok=True)
        made = self.directory / flag
        made.write_text(f"{freeze:g}" if freeze else "")
        made.rename(self._armed / flag)

    def killed_at(self, step: str, job: str) -> float:
        """Unix time at which the step was reached; 0.0 before that."""
        with suppress(FileNotFoundError, ValueError):
            text = (self._killed / f"{step}@{job}").read_text()
            return float(text) if "." in text and len(text) > 10 else 0.0
        return 0.0

    def thawed(self, step: str, job: str) -> bool:
        """Whether the worker that was frozen at the step runs again."""
        return (self._thawed / f"{step}@{job}").exists()
