"""Whatever a new sender needs beside its file is there: each test names the sender and the part that was forgotten."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import tomli

import app.webhooks
from app.webhooks import DIALECTS
from app.webhooks.setup import PLACEHOLDER, Hook
from tests.unit.packaging.documents import ROOT, codes, read
from tests.unit.settings.files import SOUND, faults, load
from tests.unit.webhooks.samples import EXPECTED, PROOFS, SAMPLES, bodies, body_of, expected, head_of, proofs

FILES = [each.name for each in iter_modules(app.webhooks.__path__)]
CASES = [(kind, name) for kind in DIALECTS for name in expected(kind)]
DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
CREDENTIALS = re.compile(r"auth|signature|cookie|secret|token|key|password|credential", re.IGNORECASE)
URL = "https://deploys.example/webhooks/my-source"


@pytest.mark.parametrize("file", FILES)
def test_the_mapping_holds_every_sender_that_has_a_file(file: str) -> None:
    dialect = getattr(import_module(f"app.webhooks.{file}"), "DIALECT", None)
    assert dialect is None or DIALECTS.get(dialect.kind) is dialect, f"app/webhooks/{file}.py is not in DIALECTS"


@pytest.mark.parametrize("kind", DIALECTS)
def test_the_mapping_names_a_sender_as_its_dialect_does(kind: str) -> None:
    assert DIALECTS[kind].kind == kind


def test_the_mapping_holds_every_sender_that_has_samples() -> None:
    assert {path.name for path in SAMPLES.iterdir()} <= set(DIALECTS), "samples without a name in DIALECTS"


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_sender_has_samples_with_heads_and_expectations(kind: str) -> None:
    assert bodies(kind), f"no samples in tests/fixtures/webhooks/{kind}"
    assert set(expected(kind)) == bodies(kind), f"tests/fixtures/webhooks/{kind}/{EXPECTED} is of other samples"
    assert any(rows for rows in expected(kind).values()), f"no sample of {kind} tells an event"
    for name in bodies(kind):
        assert len(head_of(kind, name)), f"tests/fixtures/webhooks/{kind}/{Path(name).stem}.headers.json is missing"


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_sender_has_cases_of_authentication(kind: str) -> None:
    kinds_of_case = {each.accepted for each in proofs(kind)}
    assert kinds_of_case == {True, False}, f"tests/fixtures/webhooks/{kind}/{PROOFS} needs a good and a bad case"


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_sender_has_a_row_in_the_documents(kind: str) -> None:
    rows = [line for name in DOCUMENTS for line in read(name).splitlines() if line.startswith("|")]
    assert any(codes(row.split("|")[1]) == [kind] for row in rows), f"no table of docs/*.md has a row for `{kind}`"


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_sender_has_its_side_of_the_setup(kind: str) -> None:
    blocks = DIALECTS[kind].setup(Hook(name="my-source", url=URL, has_secret=True))
    assert blocks, f"{kind} has no setup text"
    assert all(block.title.strip() and block.text.strip() for block in blocks), f"{kind} has an empty block"
    assert any(URL in block.text for block in blocks), f"{kind} does not say where to post to"
    assert not any("[webhooks." in block.text for block in blocks), f"{kind} shows what is configured already"


@pytest.mark.parametrize("name", ["my-source", None])
@pytest.mark.parametrize("kind", DIALECTS)
def test_our_side_of_the_setup_is_a_configuration(tmp_path: Path, kind: str, name: str | None) -> None:
    name = name or kind
    blocks = DIALECTS[kind].setup(Hook(name=name, url=URL, has_secret=False))
    ours = "".join(block.text for block in blocks if block.text.startswith("[webhooks."))
    assert ours, f"the setup of {kind} does not say what to put into our configuration"
    assert tomli.loads(ours)["webhooks"][name]["secret"] == PLACEHOLDER
    settings = load(tmp_path, SOUND + ours.replace(PLACEHOLDER, "s3cret"))
    assert [source.kind for source in settings.webhook_sources.values()] == [kind]


@pytest.mark.parametrize("kind", DIALECTS)
def test_a_refusal_says_what_to_do(kind: str) -> None:
    assert DIALECTS[kind].challenge.isprintable()
    assert "[webhooks.NAME]" in DIALECTS[kind].fix


@pytest.mark.parametrize("kind", DIALECTS)
def test_no_credentials_are_kept_for_a_replay(kind: str) -> None:
    assert [name for name in DIALECTS[kind].kept_headers if CREDENTIALS.search(name)] == []


@pytest.mark.parametrize("kind", DIALECTS)
def test_the_configuration_takes_the_kind_and_lists_it_for_a_wrong_one(tmp_path: Path, kind: str) -> None:
    assert load(tmp_path, f'{SOUND}[webhooks.{kind}]\nsecret = "s"\n').webhook_sources[kind].kind == kind
    for written in ("kind = 'xyzzy'", "", "kind = 5"):
        (fault,) = faults(tmp_path, f"{SOUND}[webhooks.xyzzy]\nsecret = 's'\n{written}")
        assert f"'{kind}'" in fault.fix
        assert "Did you mean" not in fault.fix
    (fault,) = faults(tmp_path, f"{SOUND}[webhooks.x]\nsecret = 's'\nkind = '{kind.upper()}s'")
    assert f"Did you mean `{kind}`?" in fault.fix


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_samples(kind: str, name: str) -> None:
    parsed = DIALECTS[kind].parse(head_of(kind, name), body_of(kind, name))

    rows = expected(kind)[name]
    desired = [row for row in rows if row["action"] in ("push", "delete") and row["tag"] is not None]
    assert parsed.oddities == ()
    assert parsed.ignored == len(rows) - len(desired)
    assert [(event.action, event.host, event.path, event.tag, event.digest) for event in parsed.events] == [
        (row["action"], row["registry_host"], row["repository"], row["tag"], row["digest"]) for row in desired
    ]
    assert all(
        event.event_id == row.get("event_id", event.event_id) for event, row in zip(parsed.events, desired, strict=True)
    )


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_samples_mean_the_same_in_a_replay(kind: str, name: str) -> None:
    """With the headers alone that are kept."""
    dialect, head, body = DIALECTS[kind], head_of(kind, name), body_of(kind, name)
    assert dialect.parse(head.kept(dialect.kept_headers), body) == dialect.parse(head, body)


@pytest.mark.parametrize("kind", DIALECTS)
def test_the_web_names_no_sender(kind: str) -> None:
    word = re.compile(rf"\b{re.escape(kind)}\b", re.IGNORECASE)
    texts = [path for ending in ("py", "html") for path in (ROOT / "app" / "web").rglob(f"*.{ending}")]
    assert [path.name for path in texts if word.search(path.read_text(encoding="utf-8"))] == []
