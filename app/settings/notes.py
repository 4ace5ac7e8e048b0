"""Warnings about a usable configuration."""

from collections.abc import Iterator

from app.settings.document import UNUSED_KEYS, Document
from app.settings.outward import outward
from app.settings.registries import uses_dockerhub_login

_DOCKERHUB_LOGIN = ("dockerhub_username", "dockerhub_secret")


def read_warnings(document: Document) -> tuple[str, ...]:
    """One sentence each, for the log and for check-config."""
    return tuple(_warnings(document))


def _warnings(document: Document) -> Iterator[str]:
    unused = list(_unused(document))
    if unused:
        yield f"These keys of the Go service are accepted and not used: {', '.join(unused)}."
    idle = [name for name in document.repo_map if name not in document.watched_repositories]
    if idle:
        names = ", ".join(f"repo_map.{name}" for name in idle)
        yield f"These are not watched, since watched_repositories lacks them: {names}."
    if not document.watched_repositories:
        yield "Nothing is watched: watched_repositories is empty."
    if outward(document.external_url) and not document.api_tokens:
        yield (
            "Nobody may change anything by the API or the page: no [api_tokens.NAME] is configured, and other machines "
            f"reach external_url ({outward(document.external_url)})."
        )
    if document.nomad.skip_verify:
        yield "Nomad's certificate is not verified: nomad.skip_verify is on."
    if document.nomad.token and document.nomad.token_file:
        yield "nomad.token_file is used, and nomad.token is not."


def _unused(document: Document) -> Iterator[str]:
    keys = UNUSED_KEYS if uses_dockerhub_login(document) else (*UNUSED_KEYS, *_DOCKERHUB_LOGIN)
    yield from (key for key in keys if key in document.model_fields_set)
    yield from (
        f"repo_map.{name}.test" for name, table in document.repo_map.items() if "test" in table.model_fields_set
    )
