"""The distribution API's wire formats: paths, media types, links, tag lists, manifests, Retry-After. Pure.

Spec: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, and real registries' answers.
A function that reads an answer raises Malformed, with a text for people, when the answer does not follow the spec.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import orjson

from app.adapters.registry.client.origins import same_origin
from app.domain.reference import parse_digest, parse_tag
from app.errors import InvalidReference
from app.outbound.client import bounded, redact

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFEST_TYPES = INDEX_TYPES | {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
# Distribution 2.x converts an image to these for clients without an Accept, for example behind a proxy that drops it.
CONVERTED_TYPES = frozenset(f"application/vnd.docker.distribution.manifest.v1+{kind}" for kind in ("json", "prettyjws"))
# All four in one header: with fewer, or a wildcard, Distribution answers another digest, or 404 for an existing tag.
ACCEPT = ", ".join(sorted(MANIFEST_TYPES))
MAX_LIST_BYTES = 8 * 1024 * 1024
MAX_MANIFEST_BYTES = 4 * 1024 * 1024

# Without n, these registries give short pages, and a listing costs many requests. The others list best without it.
_LARGE_PAGES = re.compile(r"https?://(?:ghcr\.io|public\.ecr\.aws|[^/:]+\.amazonaws\.com(?:\.cn)?)(?::\d+)?")
_LONGEST_WAIT = 6 * 3600.0
_ALL_TAGS = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}(?:\n[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})*")
# Possessive, and no "<" within "<…>": each character is read once, whatever a registry sends.
_LINK = re.compile(r"<([^<>]*+)>((?:[^<\",]++|\"[^\"]*+\")*+)")
_REL = re.compile(r";\s*+rel\s*+=\s*+(?:\"([^\"]*+)\"|([^\s;,\"]++))", re.IGNORECASE)
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}


class Malformed(Exception):
    """An answer that does not follow the distribution spec."""


def tags_url(origin: str, path: str) -> str:
    """The first page of a repository's tags."""
    return f"{origin}/v2/{path}/tags/list" + ("?n=1000" if _LARGE_PAGES.fullmatch(origin) else "")


def one_tag_url(origin: str, path: str) -> str:
    """The shortest listing, which shows whether the repository exists."""
    return f"{origin}/v2/{path}/tags/list?n=1"


def manifest_url(origin: str, path: str, reference: str) -> str:
    """The manifest of a tag or digest of a repository."""
    return f"{origin}/v2/{path}/manifests/{reference}"


def is_reference(text: str) -> bool:
    """Whether `text` is a tag or a digest; to anything else, registries answer 500 or plain text."""
    try:
        parse_digest(text) if ":" in text else parse_tag(text)
    except InvalidReference:
        return False
    return True


def read_tags(body: bytes) -> tuple[str, ...]:
    """The tags of one page, of any content type. null is an empty list; names that the grammar forbids are left out."""
    answer = _json_object(body, "tag list")
    tags = answer.get("tags")
    if tags is None and "name" in answer:
        return ()
    if not isinstance(tags, list):
        raise Malformed("the answer is no tag list")
    try:
        lines = "\n".join(tags)
    except TypeError as error:
        raise Malformed("the answer is no tag list") from error
    # One match over all tags: a check of each of thousands would dominate the cost of a reconcile.
    if lines.count("\n") == len(tags) - 1 and _ALL_TAGS.fullmatch(lines):
        return tuple(tags)
    return tuple(tag for tag in tags if is_reference(tag) and ":" not in tag)


def next_page(links: Iterable[str], *, page: str) -> str | None:
    """The absolute URL of the `rel="next"` link of the page at `page`, or None.

    Raises Malformed for a link to another origin: following it would carry our credentials there.
    """
    for header in links:
        for target, parameters in _LINK.findall(header):
            relations = " ".join(quoted or plain for quoted, plain in _REL.findall(parameters)).lower().split()
            if "next" in relations:
                try:
                    url: str = urljoin(page, target.strip())
                except ValueError as error:
                    raise Malformed("the link to the next page is no URL") from error
                if not same_origin(url, page):
                    raise Malformed(f"the next page is on another server ({bounded(redact(url), limit=120)})")
                return url
    return None


def media_type(content_type: str) -> str:
    """A Content-Type without its parameters, in lower case."""
    return bounded(content_type.partition(";")[0].lower(), limit=255)


def read_digest_header(value: str | None) -> str | None:
    """`Docker-Content-Digest`, or None when it is absent. Raises Malformed for an invalid one."""
    if not value:
        return None
    try:
        return parse_digest(value)
    except InvalidReference as error:
        raise Malformed(f"Docker-Content-Digest: {error}") from error


def read_manifest(body: bytes, *, content_type: str, claimed: str | None) -> tuple[str, str]:
    """The digest and media type of a manifest's exact bytes.

    `claimed` is the digest that the header or the request names. Raises Malformed if the bytes have another digest, or
    if the document's `mediaType` differs from its Content-Type.
    """
    kind = media_type(content_type)
    if kind not in MANIFEST_TYPES:
        raise Malformed(f"the answer is no image manifest, but {kind or 'has no type'}")
    digest = digest_of(body, algorithm=(claimed or "sha256").partition(":")[0])
    if claimed is not None and claimed != digest:
        raise Malformed(
            f"the manifest's digest is wrong: the content has {digest}, but the registry calls it {claimed}"
        )
    declared = _json_object(body, "manifest").get("mediaType", kind)
    if declared != kind:
        raise Malformed(f"the manifest's type is wrong: {bounded(str(declared), limit=80)}, but it was sent as {kind}")
    return digest, kind


def read_children(body: bytes) -> frozenset[str]:
    """The digests that an index lists. Raises Malformed when it has no such list."""
    entries = _json_object(body, "index").get("manifests")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Malformed("the index lists no manifests")
    digests = [entry.get("digest") for entry in entries]
    return frozenset(digest for digest in digests if isinstance(digest, str) and ":" in digest and is_reference(digest))


def digest_of(body: bytes, *, algorithm: str = "sha256") -> str:
    """The digest of these exact bytes. Raises Malformed for an algorithm that cannot be checked."""
    if algorithm not in _HASHES:
        raise Malformed(f"digests by {algorithm} cannot be checked")
    return f"{algorithm}:{_HASHES[algorithm](body).hexdigest()}"


def read_error(body: bytes) -> tuple[str, str]:
    """The registry's own code (in upper case) and message, bounded; ("", "") for a body that is no such error."""
    try:
        errors = _json_object(body, "error")["errors"]
        code, message = errors[0].get("code"), errors[0].get("message")
    except (Malformed, LookupError, TypeError, AttributeError):
        return "", ""
    return (
        bounded(code, limit=60).upper() if isinstance(code, str) else "",
        bounded(redact(message)) if isinstance(message, str) else "",
    )


def retry_after(value: str | None, *, now: datetime) -> float | None:
    """Retry-After, a number or an HTTP date, as seconds from `now`, 0 to six hours; None when it cannot be parsed."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), _LONGEST_WAIT)


def _json_object(body: bytes, kind: str) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the answer is no {kind}: it is not JSON") from error
    if not isinstance(answer, dict):
        raise Malformed(f"the answer is no {kind}")
    return answer
