"""Every bench, one after the other: `python -m tests.bench`. Each module can be run alone, with options.

The exit status is 1 when a limit was missed or a run is void: figures of a busy machine mean little.
"""

import subprocess
import sys

BENCHES = ("tests.bench.latency", "tests.bench.ingest", "tests.bench.page")


def main() -> int:
    missed = 0
    for name in BENCHES:
        print(f"== {name}", flush=True)
        missed |= subprocess.run([sys.executable, "-m", name], check=False).returncode
    return int(missed != 0)


if __name__ == "__main__":
    sys.exit(main())
