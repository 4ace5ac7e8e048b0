"""The registries and their credentials, from `[registry_map.NAME]` and the Go service's `dockerhub_*` keys."""

import base64
from collections.abc import Mapping
from types import MappingProxyType

from app.domain.reference import DOCKER_HUB, Repository
from app.errors import InvalidReference
from app.services.config.reload import content_of, fingerprint
from app.settings.document import Document, RegistryTable
from app.settings.faults import FaultList
from app.settings.secret import NO_SECRET, Secret
from app.settings.values import RegistryEndpointSettings

_ANONYMOUS = ("", NO_SECRET)
_AUTH_FIX = "Write the base64 of user:password, as `printf %s user:password | base64` prints it."


def read_registries(document: Document, faults: FaultList) -> Mapping[str, RegistryEndpointSettings]:
    """Every registry, by name, also one with a fault.

    A Docker Hub entry without `registry_auth` uses `dockerhub_username` and `dockerhub_secret`, if both are set.
    """
    registries = {name: _endpoint(name, table, document, faults) for name, table in document.registry_map.items()}
    return MappingProxyType(registries)


def uses_dockerhub_login(document: Document) -> bool:
    """Whether any registry uses the `dockerhub_*` credentials."""
    return any(_takes_dockerhub_login(table, document) for table in document.registry_map.values())


def _endpoint(name: str, table: RegistryTable, document: Document, faults: FaultList) -> RegistryEndpointSettings:
    place = ("registry_map", name)
    if not table.registry_domain:
        if not faults.covers((*place, "registry_domain")):
            faults.add(
                (*place, "registry_domain"),
                "is missing",
                'Add it, for example registry_domain = "registry.example.com".',
            )
    elif not _host(table.registry_domain):
        fix = "Write only the host, with :port if necessary; registry_scheme and registry_prefix are the other parts."
        faults.add((*place, "registry_domain"), "is not a host", fix)
    if _takes_dockerhub_login(table, document):
        username, password = document.dockerhub_username, document.dockerhub_secret
    else:
        username, password = _credentials((*place, "registry_auth"), table.registry_auth, faults)
    return RegistryEndpointSettings(
        name=name,
        scheme=table.registry_scheme,
        domain=table.registry_domain,
        prefix=table.registry_prefix.strip("/"),
        username=username,
        password=password,
        ca_file=table.registry_ca,
        ca_read=fingerprint(content_of(table.registry_ca)) if table.registry_ca else "",
    )


def _takes_dockerhub_login(table: RegistryTable, document: Document) -> bool:
    login = document.dockerhub_username and document.dockerhub_secret
    return bool(login) and not table.registry_auth and _host(table.registry_domain) == DOCKER_HUB


def _host(domain: str) -> str:
    """The normalised host, or "" for an invalid one."""
    try:
        return Repository.of(domain, "any").host
    except InvalidReference:
        return ""


def _credentials(place: tuple[str, ...], auth: Secret, faults: FaultList) -> tuple[str, Secret]:
    """User and password, split at the first colon as docker does, without a newline at the end from `echo`."""
    if not auth:
        return _ANONYMOUS
    try:
        decoded = base64.b64decode("".join(auth.reveal().split()), validate=True).decode()
    except ValueError:
        faults.add(place, "is not base64", _AUTH_FIX)
        return _ANONYMOUS
    username, colon, password = decoded.rstrip("\r\n").partition(":")
    if not (username and colon):
        faults.add(place, "is not the base64 of user:password", _AUTH_FIX)
        return _ANONYMOUS
    return username, Secret(password)
