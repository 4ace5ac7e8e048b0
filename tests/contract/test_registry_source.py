"""The contract of RegistrySource, on the local registry and a real Distribution, with and without authentication."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import pytest

from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.reference import Repository
from app.errors import RegistryDenied, RegistryUnavailable, RepositoryNotFound, TagNotFound
from app.ports import RegistrySource
from app.simulators.registry import BasicAuth, BearerAuth, LocalRegistry, RegistrySettings
from tests.servers.local_registry import local_registry
from tests.servers.registry import PASSWORD, USER, RealRegistry, push_image
from tests.servers.tls import Certificate

APP = Repository.of("registry.example.com", "team/app")
OTHER = Repository.of("registry.example.com", "deep/er/path/app")
NOWHERE = Repository.of("registry.example.com", "never/pushed")
PLATFORMS = ("linux/amd64", "linux/arm64")


class Push(Protocol):
    async def __call__(self, path: str, tag: str, *, content: str, platforms: Sequence[str] = ()) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A registry to read: its endpoint, and how to push to it."""

    endpoint: RegistryEndpoint
    push: Push


def local(stack: ExitStack, settings: RegistrySettings) -> Subject:
    registry, url = stack.enter_context(local_registry(LocalRegistry(settings)))

    async def push(path: str, tag: str, *, content: str, platforms: Sequence[str] = ()) -> str:
        return registry.push(path, tag, content=content, platforms=platforms)

    user, password = (USER, PASSWORD) if settings.auth else ("", "")
    scheme, _, domain = url.partition("://")
    return Subject(
        endpoint=RegistryEndpoint(name="main", scheme=scheme, domain=domain, username=user, password=password),
        push=push,
    )


def real(stack: ExitStack, *, htpasswd: bool = False, certificate: Certificate | None = None) -> Subject:
    registry = stack.enter_context(RealRegistry(htpasswd=htpasswd, certificate=certificate))

    async def push(path: str, tag: str, *, content: str, platforms: Sequence[str] = ()) -> str:
        async with registry.client() as client:
            return await push_image(client, path, tag, content=content, platforms=platforms)

    user, password = registry.credentials or ("", "")
    return Subject(
        endpoint=RegistryEndpoint(
            name="main",
            scheme="https" if certificate else "http",
            domain=registry.host,
            username=user,
            password=password,
            ca_file=str(certificate.ca_file) if certificate else None,
        ),
        push=push,
    )


USERS = {USER: PASSWORD}
SUBJECTS: dict[str, Callable[[ExitStack, Certificate], Subject]] = {
    "local 2.8": lambda stack, _: local(stack, RegistrySettings(version="2.8")),
    "local 3.x": lambda stack, _: local(stack, RegistrySettings(version="3.x")),
    "local basic": lambda stack, _: local(stack, RegistrySettings(auth=BasicAuth(users=USERS))),
    "local bearer": lambda stack, _: local(stack, RegistrySettings(version="3.x", auth=BearerAuth(users=USERS))),
    "real": lambda stack, _: real(stack),
    "real htpasswd": lambda stack, _: real(stack, htpasswd=True),
    "real TLS htpasswd": lambda stack, certificate: real(stack, htpasswd=True, certificate=certificate),
}
GUARDED = [name for name in SUBJECTS if name.endswith(("basic", "bearer", "htpasswd"))]


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest, certificate: Certificate) -> Subject:
    stack = ExitStack()
    request.addfinalizer(stack.close)  # noqa: PT021 -- closes after a skip, too
    return SUBJECTS[request.param](stack, certificate)


@pytest.fixture
async def source(subject: Subject) -> AsyncIterator[RegistrySource]:
    async with RegistryClient({"main": subject.endpoint}) as opened:
        yield opened


async def test_every_tag_is_listed_once(subject: Subject, source: RegistrySource) -> None:
    desired = {"v1.0.0", "v1.10.0", "Beta", "1.0.0_build.5"}
    for tag in desired:
        await subject.push(OTHER.path, tag, content=tag)
    found = await source.tags("main", OTHER)
    assert sorted(found) == sorted(desired)


async def test_a_tags_digest_follows_the_tag(subject: Subject, source: RegistrySource) -> None:
    for content in ("one", "two", "one"):
        digest = await subject.push(APP.path, "moving", content=content)
        manifest = await source.manifest("main", APP, "moving")
        assert (manifest.digest, manifest.is_index) == (digest, False)
        assert manifest.media_type.endswith("manifest.v1+json")


async def test_a_known_digest_is_confirmed_or_replaced(subject: Subject, source: RegistrySource) -> None:
    first = await subject.push(APP.path, "known", content="first")
    assert (await source.manifest("main", APP, "known", known=first)).digest == first
    second = await subject.push(APP.path, "known", content="second")
    assert (await source.manifest("main", APP, "known", known=first)).digest == second


async def test_an_index_is_known_by_its_own_digest_and_lists_its_children(
    subject: Subject, source: RegistrySource
) -> None:
    digest = await subject.push(APP.path, "multi", content="multi", platforms=PLATFORMS)
    manifest = await source.manifest("main", APP, "multi")
    assert (manifest.digest, manifest.is_index) == (digest, True)
    children = await source.children("main", APP, digest)
    assert len(children) == 2
    assert digest not in children
    for child in children:
        assert (await source.manifest("main", APP, child)).digest == child
        assert await source.children("main", APP, child) == frozenset()


async def test_a_missing_tag_differs_from_a_missing_repository(subject: Subject, source: RegistrySource) -> None:
    await subject.push(APP.path, "there", content="there")
    with pytest.raises(TagNotFound, match="not-there"):
        await source.manifest("main", APP, "not-there")
    with pytest.raises(TagNotFound):
        await source.children("main", APP, "sha256:" + "0" * 64)
    reads: list[Callable[[], Awaitable[object]]] = [
        partial(source.tags, "main", NOWHERE),
        partial(source.manifest, "main", NOWHERE, "v1"),
    ]
    for read in reads:
        with pytest.raises(RepositoryNotFound, match="never/pushed"):
            await read()


async def test_what_is_no_tag_is_not_there(source: RegistrySource) -> None:
    with pytest.raises(TagNotFound):
        await source.manifest("main", APP, "1.0.0+build")


@pytest.mark.parametrize("subject", GUARDED, indirect=True)
async def test_wrong_credentials_are_denied(subject: Subject) -> None:
    for username, password in ((USER, "wrong"), ("", "")):
        wrong = replace(subject.endpoint, username=username, password=password)
        async with RegistryClient({"main": wrong}) as denied:
            with pytest.raises(RegistryDenied, match="registry_auth"):
                await denied.tags("main", APP)


async def test_the_wrong_scheme_is_named(subject: Subject) -> None:
    scheme = {"http": "https", "https": "http"}[subject.endpoint.scheme]
    async with RegistryClient({"main": replace(subject.endpoint, scheme=scheme)}) as wrong:
        with pytest.raises(RegistryUnavailable, match=f'registry_scheme = "{subject.endpoint.scheme}"'):
            await wrong.manifest("main", APP, "v1")


@pytest.mark.parametrize("subject", ["real TLS htpasswd"], indirect=True)
async def test_an_unknown_authority_is_named(subject: Subject) -> None:
    async with RegistryClient({"main": replace(subject.endpoint, ca_file=None)}) as wrong:
        with pytest.raises(RegistryUnavailable, match=r"not trusted.*registry_ca"):
            await wrong.tags("main", APP)


async def test_a_registry_that_is_not_there_is_unavailable(subject: Subject) -> None:
    async with RegistryClient({"main": replace(subject.endpoint, domain="127.0.0.1:1")}) as wrong:
        with pytest.raises(RegistryUnavailable, match="cannot be reached"):
            await wrong.tags("main", APP)
