"""One pass from file and environment to Settings; one ConfigError has all faults that one pass can find."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.errors import ConfigError, Fault
from app.services.config.reload import content_of, fingerprint
from app.settings.access import read_api_tokens, read_webhook_sources
from app.settings.channels import read_channels
from app.settings.common import in_common
from app.settings.document import Document
from app.settings.environment import has_settings, merge_environment
from app.settings.faults import ENVIRONMENT, FaultList
from app.settings.file import PLACES, VARIABLE, find_file, parse_toml, read_file
from app.settings.grants import SOURCES, TOKENS, Granted
from app.settings.listening import read_listening
from app.settings.nomad import read_nomad
from app.settings.notes import read_warnings
from app.settings.own_job import read_own_job
from app.settings.reading import read_document
from app.settings.registries import read_registries
from app.settings.secret import Secret
from app.settings.values import Settings
from app.settings.watches import read_watches

DEFAULT_REDIS_URL = "redis://localhost:6379/0"


class FaultySettings(ConfigError):
    """A configuration that cannot be applied; `granted` is the access that it still grants.

    `sources` and `fingerprint` are as in Settings: a change of a source may fix it.
    """

    def __init__(
        self, faults: tuple[Fault, ...], granted: Granted, *, sources: tuple[Path, ...], fingerprint: str
    ) -> None:
        super().__init__(faults)
        self.granted = granted
        self.sources = sources
        self.fingerprint = fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """The origin of the settings, as Settings has it."""

    file: Path | None
    sources: tuple[Path, ...]
    fingerprint: str
    written: bool


def load_settings(path: Path | None, environ: Mapping[str, str], *, places: Iterable[Path] = PLACES) -> Settings:
    """Read the file (`path`, else $REGISTRYWATCHER_CONFIG, else the first of `places`), and merge `environ`.

    Raises ConfigError with all faults: file or variable, key, problem, fix; FaultySettings for valid TOML. No fault or
    warning contains a secret.
    """
    file = find_file(path, environ, places)
    if file is None and not has_settings(environ):
        raise ConfigError((_nothing_to_read(places),))
    faults = FaultList(str(file) if file else ENVIRONMENT)
    content = read_file(file) if file else b""
    tables = parse_toml(file, content) if file else {}
    written = bool(tables)
    secrets = merge_environment(tables, environ, faults)
    document = read_document(tables, faults)
    read = {
        **({file: content} if file else {}),
        **secrets,
        **{path: content_of(path) for path in _certificates(tables)},
    }
    origin = _Origin(
        file=file,
        sources=tuple(read),
        fingerprint=fingerprint(*read.values()),
        written=written,
    )
    settings = _settings(origin, document, environ, faults)
    if faults.found():
        granted = Granted(settings.api_tokens, settings.webhook_sources, faults.entries(TOKENS, SOURCES))
        raise FaultySettings(faults.found(), granted, sources=origin.sources, fingerprint=origin.fingerprint)
    return replace(settings, configuration=in_common(settings))


def require_database(settings: Settings) -> None:
    """Raise ConfigError when no database is configured: `up` and `demo` include one, other processes do not."""
    if not settings.database_url:
        source = str(settings.file) if settings.file else ENVIRONMENT
        fix = "Set DATABASE_URL, or database_url in the file."
        raise ConfigError((Fault(source=source, key="database_url", problem="is missing", fix=fix),))


def _settings(origin: _Origin, document: Document, environ: Mapping[str, str], faults: FaultList) -> Settings:
    host, port = read_listening(document.server_listening_address, environ, faults)
    registries = read_registries(document, faults)
    return Settings(
        file=origin.file,
        sources=origin.sources,
        fingerprint=origin.fingerprint,
        configuration="",
        written=origin.written,
        address=f"{host}:{port}",
        host=host,
        port=port,
        external_url=document.external_url,
        poll_interval=document.poll_interval,
        watches=read_watches(document, registries, faults),
        registries=registries,
        nomad=read_nomad(document.nomad, faults),
        channels=read_channels(document, faults),
        database_url=document.database_url,
        create_database_schema=document.create_database_schema,
        redis_url=document.redis_url or Secret(DEFAULT_REDIS_URL),
        redis_given=bool(document.redis_url),
        webhook_sources=read_webhook_sources(document, faults),
        api_tokens=read_api_tokens(document, faults),
        observe_only=document.observe_only,
        max_body_bytes=document.max_body_bytes,
        retention_days=document.retention_days,
        rollout_stall_after=document.rollout_stall_after,
        rollout_deadline=document.rollout_deadline,
        job_reread_interval=document.job_reread_interval,
        lease_seconds=float(document.lease_seconds),
        max_rollouts=document.max_rollouts,
        stop_after_failure=document.stop_after_failure,
        own_job=read_own_job(document, environ),
        warnings=read_warnings(document),
    )


def _certificates(tables: Mapping[str, Any]) -> Iterator[Path]:
    """The certificates that the tables name, also an unreadable one, since it may be created later."""
    registries, nomad = (_table(tables.get(name)) for name in ("registry_map", "nomad"))
    named = [_table(table).get("registry_ca") for table in registries.values()]
    named += [nomad.get(key) for key in ("ca_cert", "client_cert", "client_key")]
    return (Path(each) for each in named if each and isinstance(each, str))


def _table(given: object) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _nothing_to_read(places: Iterable[Path]) -> Fault:
    names = ", ".join(str(place) for place in places)
    problem = f"there is no configuration: ${VARIABLE} is not set, and none of {names} exists"
    fix = "Name a file with --config, or copy config/sample.toml to config/staging.toml."
    return Fault(source=ENVIRONMENT, key=VARIABLE, problem=problem, fix=fix)
