"""Tests the mutants of one module in one process: `python -m tests.mutants.session NAME RESULT BUDGET ONE_IN PART`.

After a first run of all tests without a mutant, a fork of the process plants each mutant and runs the tests that
execute its lines, at most BUDGET seconds of them, until one fails. A mutant that does not end counts as killed.
"""

import ast
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutants.coverage import Baseline, baseline
from tests.mutants.edits import Mutant, Source, read
from tests.mutants.generate import mutants
from tests.mutants.modules import MODULES, Module
from tests.mutants.plant import plant, reading
from tests.servers.shared_database import PLACE

AT_ONCE = 2
_SURVIVED, _KILLED, _STILLBORN, _TIMEOUT = "survived", "killed", "stillborn", "timeout"
# A mutant that no run can reach: any test sees it, so it says nothing about the tests.
_CRASHES = (
    "required keyword-only argument",
    "required positional argument",
    "NameError",
    "UnboundLocalError",
    "PostgresSyntaxError",
    "UndefinedColumnError",
    "UndefinedTableError",
    "AmbiguousColumnError",
)


class Mutating:
    """The plugin: it replaces pytest's own loop."""

    def __init__(self, module: Module, *, budget: float, one_in: int, part: str) -> None:
        self._module = module
        self._budget = budget
        self._one_in = one_in
        self._part = part
        self._kills: Counter[str] = Counter()
        self._items: dict[str, pytest.Item] = {}
        self.results: list[dict[str, Any]] = []
        self.error = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        self._items = {item.nodeid: item for item in session.items}
        found = baseline(session.items, self._module.files)
        if found.failed:
            self.error = f"these tests fail without any mutant: {', '.join(found.failed)}"
            return True
        self._say(f"{len(self._items)} tests in {time.monotonic() - began:.0f} s without a mutant")
        running: dict[int, tuple[_Trial, float]] = {}
        for trial in self._trials(found):
            while len(running) >= AT_ONCE:
                self._reap(running)
            trial.place = min(set(range(AT_ONCE)) - {each.place for each, _ in running.values()})
            running[trial.start(self._items)] = (trial, time.monotonic())
        while running:
            self._reap(running)
        return True

    def _trials(self, found: Baseline) -> Iterator["_Trial"]:
        for file in self._module.files:
            source = read(file)
            for mutant in [each for each in mutants(source) if self._part in each.name][:: self._one_in]:
                covering = _covering(source, mutant, found.lines[file], set(found.seconds))
                tests = self._chosen(covering, found.seconds)
                yield _Trial(source, mutant, tests, limit=60 + 6 * sum(found.seconds[each] for each in tests))

    def _chosen(self, covering: set[str], seconds: dict[str, float]) -> list[str]:
        """The tests that killed most come first, then the quick ones."""
        ordered = sorted(covering, key=lambda each: (-self._kills[each], seconds[each], each))
        chosen: list[str] = []
        total = 0.0
        for each in ordered:
            total += seconds[each]
            if chosen and total > self._budget:
                break
            chosen.append(each)
        return chosen

    def _reap(self, running: dict[int, tuple["_Trial", float]]) -> None:
        """Wait until one ends, or has had its time."""
        while True:
            for process, (trial, began) in list(running.items()):
                ended, _ = os.waitpid(process, os.WNOHANG)
                late = time.monotonic() - began > trial.limit
                if not ended and late:
                    os.killpg(process, signal.SIGKILL)
                    os.waitpid(process, 0)
                if ended or late:
                    del running[process]
                    self._note(trial, trial.outcome(is_late=not ended), time.monotonic() - began)
                    return
            time.sleep(0.02)

    def _note(self, trial: "_Trial", outcome: tuple[str, str], seconds: float) -> None:
        verdict, by = outcome
        if by:
            self._kills[by] += 1
        mutant = trial.mutant
        self.results.append(
            {"name": mutant.name, "line": mutant.line, "verdict": verdict, "by": by, "tests": len(trial.tests)}
        )
        if verdict == _SURVIVED or seconds > 20:
            place = f"{mutant.file}:{mutant.line}"
            self._say(f"{verdict} {place} {mutant.change} ({len(trial.tests)} tests, {seconds:.0f} s)")

    def _say(self, line: str) -> None:
        print(f"[{self._module.name} {len(self.results)}] {line}", file=sys.stderr, flush=True)


class _Trial:
    """One mutant in a process of its own."""

    def __init__(self, source: Source, mutant: Mutant, tests: list[str], *, limit: float) -> None:
        self.source, self.mutant, self.tests, self.limit = source, mutant, tests, limit
        self.place = 0
        self._answer = Path(tempfile.mkstemp(prefix="mutant-")[1])

    def start(self, items: dict[str, pytest.Item]) -> int:
        if process := os.fork():
            return process
        os.setpgid(0, 0)
        os.environ[PLACE] = str(self.place)
        answer = (_KILLED, "")
        try:
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            answer = self._run(items)
        except BaseException as error:
            answer = (_STILLBORN, repr(error))
        finally:
            self._answer.write_text(json.dumps(answer))
            os._exit(0)

    def outcome(self, *, is_late: bool) -> tuple[str, str]:
        """What became of it, and the test that killed it."""
        written = self._answer.read_text()
        self._answer.unlink()
        if is_late or not written:
            return _TIMEOUT, ""
        verdict, by = json.loads(written)
        return verdict, by if verdict != _STILLBORN else ""

    def _run(self, items: dict[str, pytest.Item]) -> tuple[str, str]:
        plant(self.source, self.mutant)
        chosen = [items[each] for each in self.tests]
        for item, following in zip(chosen, [*chosen[1:], chosen[0]] if chosen else [], strict=True):
            for report in runtestprotocol(item, log=False, nextitem=following):
                if report.failed:
                    return self._failed(report.longreprtext), item.nodeid
        return _SURVIVED, ""

    @staticmethod
    def _failed(text: str) -> str:
        return _STILLBORN if any(sign in text.rpartition("\nE ")[2] for sign in _CRASHES) else _KILLED


_OPTIONS = ("-p", "tests.mutants.repeatable", "-p", "no:cacheprovider", "--hypothesis-profile=mutants")


def _covering(source: Source, mutant: Mutant, lines: dict[int, set[str]], every: set[str]) -> set[str]:
    """The tests that execute the edited lines; for a constant, the code that reads it."""
    covering: set[str] = set().union(*(lines.get(line, set()) for line in mutant.lines))
    inside = [
        each
        for each in ast.walk(source.tree)
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))
        and each.lineno <= mutant.line <= (each.end_lineno or 0)
    ]
    if inside and not covering:  # a line behind an await may go unseen
        numbers = range(inside[-1].lineno, (inside[-1].end_lineno or 0) + 1)
        covering = set().union(*(lines.get(line, set()) for line in numbers))
    if covering or inside:
        return covering
    statement = next(each for each in source.tree.body if each.lineno <= mutant.line <= (each.end_lineno or 0))
    if not hasattr(statement, "body"):
        readers = list(reading(source, mutant.where))
        used = {line for each in readers for line in range(each.lineno, (each.end_lineno or 0) + 1)}
        return set().union(*(lines.get(line, set()) for line in used)) if readers else every
    return every  # a default of a class: any test may make one


def main() -> int:
    name, result, budget, one_in, part = sys.argv[1:]
    module = next(each for each in MODULES if each.name == name)
    plugin = Mutating(module, budget=float(budget), one_in=int(one_in), part=part)
    tests = [each for each in module.tests if Path(each).exists()]
    code = pytest.main(["-n", "0", "-s", "-q", *_OPTIONS, *tests], plugins=[plugin])
    Path(result).write_text(json.dumps({"results": plugin.results, "error": plugin.error}))
    return int(code not in (0, 5) or bool(plugin.error))


if __name__ == "__main__":
    sys.exit(main())
