"""Settings as a command needs them, with the log configured first."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings


def process_settings(config: Path | None) -> Settings:
    """Settings for a long-running process, which logs to stdout. Raises ConfigError, also without a database."""
    from app.logging import configure_logging
    from app.settings import load_settings, require_database

    configure_logging(os.environ, sys.stdout)
    settings = load_settings(config, os.environ)
    require_database(settings)
    return settings


def command_settings(config: Path | None) -> Settings:
    """Settings for a command that uses the database; its warnings go to stderr. Raises as `process_settings` does."""
    from app.logging import LEVEL_VARIABLE, configure_logging
    from app.settings import load_settings, require_database

    configure_logging({LEVEL_VARIABLE: "warning", **os.environ}, sys.stderr)
    settings = load_settings(config, os.environ)
    require_database(settings)
    return settings


def user_name() -> str:
    """The name of the user that runs this; `uid NUMBER` for a user without a name."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
