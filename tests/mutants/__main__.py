"""Plants small faults in the modules of `MODULES`, and says which of them no test sees: `make mutants`.

mutmut and cosmic-ray mutate expressions of functions: not the order of a table of checks, and not the SQL of a store.
The exit status is 1 if a module is below its bar, or if a survivor has no argument in tests/mutants/survivors.toml.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.local.postgres import EmbeddedPostgres
from tests.mutants.modules import MODULES
from tests.mutants.report import missed, summary
from tests.mutants.survivors import argued


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants ARGS=", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(each.name for each in MODULES)}")
    parser.add_argument("--only", default="", help="mutants whose name has this text; then no bar holds")
    parser.add_argument("--one-in", type=int, default=1, help="each so manieth mutant; then no bar holds")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of tests for one mutant, at most")
    options = parser.parse_args()
    os.nice(10)  # a machine with a long run stays usable
    chosen = [each for each in MODULES if not options.names or each.name in options.names]
    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="registrywatcher-") as made:
        Path(made).chmod(0o711)  # root's Postgres account must enter it
        with EmbeddedPostgres(Path(made) / "postgres", durable=False) as server:
            environment = {"TEST_DATABASE_URL": server.url, **os.environ}
            for module in chosen:
                answer = Path(made) / f"{module.name}.json"
                command = [sys.executable, "-m", "tests.mutants.session", module.name, str(answer)]
                command += [str(options.budget), str(options.one_in), options.only]
                done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
                if done.returncode:
                    found = json.loads(answer.read_text()) if answer.exists() else {"error": "pytest ended early"}
                    print(f"{module.name}: {found['error']}", file=sys.stderr)
                    return 2
                results[module.name] = json.loads(answer.read_text())["results"]
                print(summary(module, results[module.name], argued()), flush=True)
    is_whole = not options.only and options.one_in == 1
    faults = [fault for module in chosen for fault in missed(module, results[module.name], argued(), is_whole=is_whole)]
    print(*faults, sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
