"""RegistrySource over the configured registries: which requests to send, and what their answers mean.

Spec: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md. It must not know the caller.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx

from app.adapters.registry import wire
from app.adapters.registry.client.connection import Connection
from app.adapters.registry.client.endpoint import RegistryEndpoint
from app.adapters.registry.client.exchange import RegistryRequest
from app.adapters.registry.client.failures import RegistryAnswer, RegistryContext, absent, refused, unavailable
from app.adapters.registry.client.listing import read_listing, require_repository
from app.domain.reference import Repository
from app.errors import RegistryUnavailable
from app.outbound.client import WHOLE_SECONDS
from app.ports import Manifest

_NO_HEAD = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class RegistryClient:
    """Reads the configured registries, with a client, a gate and a token cache for each. Use it in one event loop.

    The keys of `endpoints` are the names of registry_map. Tests replace the network by `transport`, the clocks by
    `clock` and `now`.
    """

    def __init__(
        self,
        endpoints: Mapping[str, RegistryEndpoint],
        *,
        seconds: float = WHOLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _wall_clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connect: Callable[[RegistryEndpoint], Connection] = lambda endpoint: Connection(
            endpoint, clock=clock, now=now, seconds=seconds, transport=transport
        )
        self._now = now
        self._connections = {name: self._connect(endpoint) for name, endpoint in endpoints.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every idle connection now, and each other one when its last request ends."""
        await self.replace({})

    async def replace(self, endpoints: Mapping[str, RegistryEndpoint]) -> None:
        """Use `endpoints` from now on. Unchanged ones keep connections and tokens; running requests go on."""
        before = self._connections
        kept = {name: old for name, old in before.items() if endpoints.get(name) == old.endpoint}
        self._connections = {name: kept.get(name) or self._connect(endpoint) for name, endpoint in endpoints.items()}
        for name, old in before.items():
            if name not in kept:
                await old.retire()

    async def tags(self, registry: str, repository: Repository) -> tuple[str, ...]:
        """Every tag, each once, in no fixed order. If a later page fails, the whole listing fails.

        Raises RegistryUnavailable, RegistryDenied, RepositoryNotFound.
        """
        return await read_listing(self._connection(registry), repository.path, now=self._now)

    async def manifest(
        self, registry: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> Manifest:
        """The manifest that a tag or digest names now, by HEAD, or by GET where HEAD gives no digest.

        Raises TagNotFound when there is none, and RegistryUnavailable, RegistryDenied, RepositoryNotFound.
        """
        connection = self._connection(registry)
        subject = RegistryContext(endpoint=connection.endpoint, repository=repository.path)
        conditional = known if known is not None and ":" in known and wire.is_reference(known) else None
        answer = await self._read(connection, "HEAD", repository, reference, known=conditional)
        try:
            if answer.status == HTTPStatus.NOT_MODIFIED and conditional is not None:
                return Manifest(digest=conditional, media_type="", is_index=False)
            digest = wire.read_digest_header(answer.headers.get("docker-content-digest"))
            if answer.status == HTTPStatus.OK and digest is not None:
                return _manifest(digest, wire.media_type(answer.headers.get("content-type", "")), reference)
            if answer.status not in (HTTPStatus.OK, *_NO_HEAD):
                raise refused(subject, answer, now=self._now())
            full = await self._read(connection, "GET", repository, reference)
            return _manifest(*self._content(full, subject, reference), reference)
        except wire.Malformed as error:
            raise unavailable(subject, str(error)) from error

    async def children(self, registry: str, repository: Repository, digest: str) -> frozenset[str]:
        """The digests that the index `digest` lists; empty for a manifest that is no index.

        Raises TagNotFound when there is no such manifest, and RegistryUnavailable, RegistryDenied, RepositoryNotFound.
        """
        connection = self._connection(registry)
        subject = RegistryContext(endpoint=connection.endpoint, repository=repository.path)
        answer = await self._read(connection, "GET", repository, digest)
        try:
            _, media_type = self._content(answer, subject, digest)
            return wire.read_children(answer.body) if media_type in wire.INDEX_TYPES else frozenset()
        except wire.Malformed as error:
            raise unavailable(subject, str(error)) from error

    def _connection(self, registry: str) -> Connection:
        connection = self._connections.get(registry)
        if connection is None:
            raise RegistryUnavailable(f"registry {registry}: it is not configured; add [registry_map.{registry}]")
        return connection

    async def _read(
        self, connection: Connection, method: str, repository: Repository, reference: str, *, known: str | None = None
    ) -> RegistryAnswer:
        subject = RegistryContext(endpoint=connection.endpoint, repository=repository.path)
        if not wire.is_reference(reference):
            raise absent(subject, reference, reason="is no tag and no digest")
        answer = await connection.fetch(
            RegistryRequest(
                method=method,
                url=wire.manifest_url(connection.endpoint.origin, repository.path, reference),
                limit=wire.MAX_MANIFEST_BYTES,
                accept=wire.ACCEPT,
                if_none_match=f'"{known}"' if known else None,
            ),
            repository=repository.path,
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            await require_repository(connection, repository.path, now=self._now)
            raise absent(subject, reference)
        if answer.status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            connection.proven.add(repository.path)
        return answer

    def _content(self, answer: RegistryAnswer, subject: RegistryContext, reference: str) -> tuple[str, str]:
        if answer.status != HTTPStatus.OK:
            raise refused(subject, answer, now=self._now())
        header = wire.read_digest_header(answer.headers.get("docker-content-digest"))
        claimed = reference if ":" in reference else header
        return wire.read_manifest(answer.body, content_type=answer.headers.get("content-type", ""), claimed=claimed)


def _manifest(digest: str, media_type: str, reference: str) -> Manifest:
    if media_type in wire.CONVERTED_TYPES:
        raise wire.Malformed(f"its answer for {reference} was converted to {media_type}, which has another digest")
    if ":" in reference and digest != reference:
        raise wire.Malformed(f"it answered {digest} to a request for {reference}")
    return Manifest(digest=digest, media_type=media_type, is_index=media_type in wire.INDEX_TYPES)
