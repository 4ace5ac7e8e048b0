"""The survivors that are accepted, each with its argument: tests/mutants/survivors.toml."""

import tomllib
from pathlib import Path

_FILE = Path(__file__).with_name("survivors.toml")


def argued() -> dict[str, str]:
    """Maps a mutant's name to why no test needs to see it."""
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8")).get("survivor", [])
    return {name: entry["why"] for entry in entries for name in entry["mutants"]}
