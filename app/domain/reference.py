"""Image references: parse, normalise, print, and edit without changing the spelling found.

Grammar: OCI distribution spec v1.1 (tags, names, digests) and docker's normal form (`app` is `docker.io/library/app`).
It must not contact anything: only the registry says which digest a tag has.
"""

import re
from dataclasses import dataclass

from app.errors import InvalidReference

DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}", re.ASCII)
_SIZED_DIGEST = {"sha256": re.compile(r"sha256:[0-9a-f]{64}"), "sha512": re.compile(r"sha512:[0-9a-f]{128}")}
_DOMAIN_COMPONENT = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(
    rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?",
    re.ASCII,
)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}")
_MAX_PATH = 255


def parse_tag(text: str) -> str:
    """Return `text` when it is a tag; raise InvalidReference otherwise."""
    if _TAG.fullmatch(text) is None:
        raise InvalidReference(f"{_quoted(text)} is not a tag: letters, digits, '_', '.', '-', at most 128 characters")
    return text


def parse_digest(text: str) -> str:
    """Return `text` when it is a digest (`sha256:` and 64 lower-case hex digits); raise InvalidReference otherwise."""
    sized = _SIZED_DIGEST.get(text.partition(":")[0])
    if (sized or _DIGEST).fullmatch(text) is None:
        raise InvalidReference(f"{_quoted(text)} is not a digest: 'sha256:' and 64 lower-case hexadecimal digits")
    return text


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Repository:
    """A name in a registry, normalised: one name for Docker Hub, with `library/`, the host in lower case."""

    host: str
    path: str

    @classmethod
    def of(cls, host: str, path: str) -> "Repository":
        """Join a known host (a registry_domain, a webhook's host) and a path, without docker's guessing.

        Raises InvalidReference for a host or path outside the grammar.
        """
        if _HOST.fullmatch(host) is None:
            raise InvalidReference(
                f"{_quoted(host)} is not a registry host: a name or address, optionally with ':port'"
            )
        if _PATH.fullmatch(path) is None or len(path) > _MAX_PATH:
            raise InvalidReference(
                f"{_quoted(path)} is not a repository name: lower-case letters, digits, separators, '/', at most 255"
            )
        host = host.lower()
        if host in _DOCKER_HUB_NAMES:
            host = DOCKER_HUB
            path = path if "/" in path else f"library/{path}"
        return cls(host=host, path=path)

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed reference: the normalised repository, tag and digest, and the spelling of host and path as found."""

    repository: Repository
    tag: str | None
    digest: str | None
    spelling: str

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Parse as docker does (distribution/reference); raise InvalidReference where docker would refuse."""
        if _IMAGE_ID.fullmatch(text):
            raise InvalidReference(f"{_quoted(text)} is an image id, not a reference")
        rest, at, digest = text.rpartition("@") if "@" in text else (text, "", "")
        if at:
            parse_digest(digest)
        name, tag = _split_tag(rest)
        if tag is not None:
            parse_tag(tag)
        return cls(repository=_normalised(name), tag=tag, digest=digest if at else None, spelling=name)

    def at(self, *, tag: str | None, digest: str | None) -> str:
        """Print with another tag and digest; host and path keep their spelling."""
        return self.spelling + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")

    def __str__(self) -> str:
        return self.at(tag=self.tag, digest=self.digest)


def _split_tag(text: str) -> tuple[str, str | None]:
    """Split at the colon after the last slash; a colon before it belongs to a port."""
    head, slash, last = text.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{head}{slash}{name}", tag if colon else None


def _normalised(name: str) -> Repository:
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    return Repository.of(first, rest) if is_host else Repository.of(DOCKER_HUB, name)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
