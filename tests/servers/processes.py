"""Waits for the end of a process."""

import os
import time
from pathlib import Path


def gone(pid: int, *, within: float = 0) -> bool:
    """Whether the process ends within that many seconds; a zombie counts as ended."""
    deadline = time.monotonic() + within
    while _lives(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()
