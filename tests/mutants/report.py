"""A run in figures: a table per module, its survivors, and what keeps the run from being good."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.mutants.modules import Module

Results = Sequence[Mapping[str, Any]]


def percent(results: Results) -> float:
    """How many mutants of a hundred were killed; those that cannot run do not count."""
    verdicts = Counter(each["verdict"] for each in results)
    living = sum(verdicts.values()) - verdicts["stillborn"]
    return 100.0 * (living - verdicts["survived"]) / living if living else 100.0


def summary(module: Module, results: Results, argued: Mapping[str, str]) -> str:
    """The table, then each survivor, `argued` or not."""
    verdicts = Counter(each["verdict"] for each in results)
    living = len(results) - verdicts["stillborn"]
    lines = [
        "| module | mutants | killed | by time | survived | percent | bar |",
        "|---|---|---|---|---|---|---|",
        f"| {module.name} | {living} | {verdicts['killed']} | {verdicts['timeout']} | {verdicts['survived']} "
        f"| {percent(results):.1f} | {module.bar:g} |",
    ]
    for each in _survivors(results):
        mark = "argued  " if each["name"] in argued else "survived"
        lines.append(f"{mark} line {each['line']}: {each['name']}")
    return "\n".join([*lines, ""])


def missed(module: Module, results: Results, argued: Mapping[str, str], *, is_whole: bool) -> Iterator[str]:
    """Why the run failed. A run of some of the mutants says nothing about the bar."""
    if is_whole and percent(results) < module.bar:
        yield f"{module.name}: {percent(results):.1f} % of its mutants were killed, {module.bar:g} are needed"
    unargued = [each["name"] for each in _survivors(results) if each["name"] not in argued]
    if unargued:
        yield f"{module.name}: {len(unargued)} survivors without an argument; kill them, or argue in survivors.toml"


def _survivors(results: Results) -> list[Mapping[str, Any]]:
    return [each for each in results if each["verdict"] == "survived"]
