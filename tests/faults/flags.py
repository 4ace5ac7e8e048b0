"""Files by which a test tells killing_worker at which step a worker ends or is frozen, and learns when."""

from contextlib import suppress
from pathlib import Path


class Flags:
    """Which step ends or freezes the worker that reaches it next, and when it did."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._armed, self._killed, self._thawed = directory / "armed", directory / "killed", directory / "thawed"
        for each in (directory, self._armed, self._killed, self._thawed, directory / "frozen"):
            each.mkdir()

    def arm(self, step: str, job: str, *, freeze: float = 0.0) -> None:
        """Kill the worker that reaches the step, or freeze it for so many seconds."""
        flag = f"{step}@{job}"
        for each in (self._killed, self._thawed):
            (each / flag).unlink(missing_ok=True)
        made = self.directory / flag
        made.write_text(f"{freeze:g}" if freeze else "")
        made.rename(self._armed / flag)

    def killed_at(self, step: str, job: str) -> float:
        """Unix time at which the step was met, 0.0 while it was not."""
        with suppress(FileNotFoundError, ValueError):
            text = (self._killed / f"{step}@{job}").read_text()
            return float(text) if "." in text and len(text) > 10 else 0.0
        return 0.0

    def thawed(self, step: str, job: str) -> bool:
        """Whether the worker that was frozen at the step goes on."""
        return (self._thawed / f"{step}@{job}").exists()
