"""`make mutants`: the faults that it plants, and its list of accepted survivors."""

import ast
from collections.abc import Iterator

from tests.mutants.edits import Source
from tests.mutants.generate import mutants
from tests.mutants.modules import MODULES
from tests.mutants.report import missed, percent
from tests.mutants.survivors import argued
from tests.unit.packaging.documents import ROOT

TABLE = "_CHECKS = (first, second, third)\n"
STORE = '_CLAIM = "UPDATE t SET a = 1, b = 2 WHERE id = $1 AND until <= now() FOR UPDATE SKIP LOCKED"\n'
CODE = "def f(x: int) -> int:\n    if x > 1 and ready(x):\n        log.info('said')\n        return x\n    return 0\n"


def texts(content: str, file: str = "app/domain/sample.py") -> list[str]:
    source = Source(file=file, text=content)
    return [mutant.applied(source).strip() for mutant in mutants(source)]


def test_checks_are_left_out_and_swapped() -> None:
    assert {f"_CHECKS = {ast.unparse(ast.parse(text)).partition('= ')[2]}" for text in texts(TABLE)} == {
        "_CHECKS = (second, third)",
        "_CHECKS = (first, third)",
        "_CHECKS = (first, second)",
        "_CHECKS = (second, first, third)",
        "_CHECKS = (first, third, second)",
    }


def test_a_statement_loses_conditions_assignments_and_locks() -> None:
    found = [" ".join(text.split()) for text in texts(STORE, "app/adapters/postgres/sample.py")]
    for planted in (
        '_CLAIM = "UPDATE t SET a = 1, b = 2 WHERE true AND until <= now() FOR UPDATE SKIP LOCKED"',
        '_CLAIM = "UPDATE t SET a = 1, b = 2 WHERE id = $1 FOR UPDATE SKIP LOCKED"',
        '_CLAIM = "UPDATE t SET b = 2 WHERE id = $1 AND until <= now() FOR UPDATE SKIP LOCKED"',
        '_CLAIM = "UPDATE t SET a = 1, b = 2 WHERE id = $1 AND until > now() FOR UPDATE SKIP LOCKED"',
        '_CLAIM = "UPDATE t SET a = 1, b = 2 WHERE id = $1 AND until <= now()"',
    ):
        assert planted in found


def test_code_loses_conditions_and_results_and_no_log_line() -> None:
    found = texts(CODE)
    found = [ast.unparse(ast.parse(text)) for text in found]
    for planted in ("if ready(x):", "if x > 1:", "if x >= 1 and ready(x):", "return None", "return 1"):
        assert any(planted in text for text in found), planted
    assert all("log.info('said')" in text for text in found)


def test_a_module_below_its_bar_or_with_a_survivor_without_an_argument_fails() -> None:
    results = [{"name": str(number), "line": 1, "verdict": "killed"} for number in range(9)]
    results += [{"name": "x", "line": 1, "verdict": "survived"}, {"name": "y", "line": 1, "verdict": "stillborn"}]
    module = MODULES[0]
    assert percent(results) == 90.0
    assert len(list(missed(module, results, {"x": "why"}, is_whole=True))) == 1
    assert len(list(missed(module, results, {}, is_whole=True))) == 2
    assert list(missed(module, results, {"x": "why"}, is_whole=False)) == []


def named() -> Iterator[tuple[str, str]]:
    for name in argued():
        file, where, _ = name.split(": ", 2)
        yield file, where


def test_every_accepted_survivor_is_of_a_mutated_file_and_has_an_argument() -> None:
    files = {file for module in MODULES for file in module.files}
    for file, where in named():
        assert file in files
        assert where in (ROOT / file).read_text(encoding="utf-8")
    assert all(len(why) > 20 for why in argued().values())


def test_every_module_has_its_files_and_tests() -> None:
    missing = [name for module in MODULES for name in (*module.files, *module.tests) if not (ROOT / name).exists()]
    assert missing == []
