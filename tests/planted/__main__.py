"""Plant each bug, and see it found twice: `python -m tests.planted [--seeds 1,2] [NAME...]`; without names, every bug.

The exit status is 1 if a bug survives, or if one of the tests fails without any bug.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS
from tests.planted.planting import planted
from tests.planted.verdict import Verdict, run


def main() -> int:
    arguments = _arguments()
    chosen = [bug for bug in BUGS if not arguments.names or bug.name in arguments.names]
    tests = list(dict.fromkeys(test for bug in chosen for test in bug.tests))
    print(f"{len(chosen)} bugs, {len(tests)} tests, seeds {arguments.seeds}", flush=True)
    with planted() as root:
        sound = run(root, tests, seed=arguments.seeds[0])
    print(f"without a bug: {'all pass' if sound.passed else 'red'}, {sound.seconds:.0f} s", flush=True)
    if not sound.passed or sound.broken:
        print(*(f"{test}: {message[:500]}" for test, message in sound.failed.items()), sound.broken, sep="\n")
        return 1
    print("| bug | " + " | ".join(f"seed {seed}" for seed in arguments.seeds) + " | found by |")
    print("|---" * (len(arguments.seeds) + 2) + "|", flush=True)
    found = [_is_found(bug, arguments.seeds) for bug in chosen]
    return int(not all(found))


def _is_found(bug: Bug, seeds: Sequence[int]) -> bool:
    """Run its tests with each seed, at once, since most of them wait. Prints a row of the table."""
    with planted(bug) as root, ThreadPoolExecutor(len(seeds)) as pool:
        verdicts = list(pool.map(lambda seed: run(root, bug.tests, seed=seed), seeds))
    cells = " | ".join(map(partial(_cell, bug), verdicts))
    found_by = ", ".join(test.rpartition("::")[2] for test in bug.tests)
    print(f"| {bug.name} | {cells} | {found_by} |", flush=True)
    for verdict in verdicts:
        for problem in filter(None, (*verdict.misses(bug.tests), verdict.broken)):
            print(f"  not found: {problem}", flush=True)
    return all(not verdict.misses(bug.tests) and not verdict.broken for verdict in verdicts)


def _cell(bug: Bug, verdict: Verdict) -> str:
    found = "SURVIVES" if verdict.misses(bug.tests) or verdict.broken else "found"
    return f"{found}, {verdict.seconds:.0f} s"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="names of bugs; all of them by default")
    parser.add_argument("--seeds", type=lambda text: [int(each) for each in text.split(",")], default=[1, 2])
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {bug.name for bug in BUGS}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}; there are: {', '.join(bug.name for bug in BUGS)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
