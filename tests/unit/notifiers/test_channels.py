"""Every kind of channel is complete; a failing test names the file that was forgotten."""

from pathlib import Path

import httpx
import pytest

from app.adapters import notifiers
from app.adapters.notifiers import CHANNELS
from app.settings.document import NotifierTable

ROOT = Path(__file__).parents[3]
FILES = Path(notifiers.__file__).parent
NO_KINDS = {"__init__", "kind"}


def test_every_file_of_a_channel_is_in_the_mapping() -> None:
    missing = {file.stem for file in FILES.glob("*.py")} - NO_KINDS - set(CHANNELS)
    assert not missing, f"app/adapters/notifiers/__init__.py: CHANNELS lacks {sorted(missing)}"


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_kind_is_the_name_of_its_file(kind: str) -> None:
    assert (FILES / f"{kind}.py").is_file(), f"app/adapters/notifiers/{kind}.py is missing"


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_kind_has_its_own_tests(kind: str) -> None:
    assert (ROOT / f"tests/unit/notifiers/test_{kind}.py").is_file(), f"tests/unit/notifiers/test_{kind}.py is missing"


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_kind_is_explained_in_the_sample(kind: str) -> None:
    _, _, about = (ROOT / "config/sample.toml").read_text().partition("# --- Channels")
    assert f'"{kind}"' in about, f"config/sample.toml does not name {kind} where it explains [notifiers.NAME]"


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_kind_is_in_the_table_of_settings(kind: str) -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    (about,) = [text for text in (each.read_text() for each in documents) if "| **`[notifiers.NAME]`** |" in text]
    _, _, after = about.partition("| **`[notifiers.NAME]`** |")
    line = next(line for line in after.splitlines() if line.startswith("| `kind` |"))
    assert f'`"{kind}"`' in line, f"the table of settings (README.md or docs/) does not name {kind}"


@pytest.mark.parametrize("kind", CHANNELS)
def test_what_a_kind_needs_can_be_configured(kind: str) -> None:
    unknown = set(CHANNELS[kind].needs) - set(NotifierTable.model_fields)
    assert not unknown, f"app/settings/document.py: NotifierTable lacks {sorted(unknown)}, which {kind} needs"


@pytest.mark.parametrize("kind", CHANNELS)
async def test_a_kind_opens_with_what_it_needs(kind: str) -> None:
    async with httpx.AsyncClient() as client:
        channel = CHANNELS[kind].open(client, dict.fromkeys(CHANNELS[kind].needs, "https://hooks.example/a"))
    assert callable(channel.send)
