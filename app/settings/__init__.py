"""Configuration: TOML file and environment in, one frozen `Settings` out, or a ConfigError with all faults.

Precedence: environment, then file, then default. No fault, warning or repr contains a secret.
"""

from app.settings.grants import Granted, narrowed
from app.settings.load import FaultySettings, load_settings, require_database
from app.settings.secret import Secret
from app.settings.summary import summarise
from app.settings.values import (
    ApiToken,
    ChannelSettings,
    NomadSettings,
    RegistryEndpointSettings,
    Settings,
    TokenRole,
    WebhookSource,
)

__all__ = [
    "ApiToken",
    "ChannelSettings",
    "FaultySettings",
    "Granted",
    "NomadSettings",
    "RegistryEndpointSettings",
    "Secret",
    "Settings",
    "TokenRole",
    "WebhookSource",
    "load_settings",
    "narrowed",
    "require_database",
    "summarise",
]
