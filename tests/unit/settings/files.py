"""Configuration files for tests: one that is sound, written down with changes."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.errors import ConfigError, Fault
from app.settings import Settings, load_settings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "config"
CONFIG = Path(__file__).parents[3] / "config"

SOUND = """
watched_repositories = ["app"]

[registry_map.hub]
registry_domain = "registry.example"
registry_prefix = "team"

[repo_map.app]
registry_name = "hub"
nomad_job_name = "job"
nomad_task_name = "task"
"""


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file that holds `text`."""
    file = folder / "config.toml"
    file.write_text(text)
    return load_settings(file, environ or {})


def faults(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    """The faults of a file that holds `text`; the file's name alone stands as the source."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environ)
    return caught.value.faults


def keys(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The keys (or variables) that are at fault, in order."""
    return [fault.key for fault in faults(folder, text, environ)]
