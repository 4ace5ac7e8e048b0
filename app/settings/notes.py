"""What a person should know about a configuration that is usable all the same."""

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
        yield f"These keys of the predecessor are accepted and not used: {', '.join(unused)}."
    idle = [name for name in document.repo_map if name not in document.watched_repositories]
    if idle:
        yield f"Not in watched_repositories, and so not watched: {', '.join(f'repo_map.{name}' for name in idle)}."
    if not document.watched_repositories:
        yield "Nothing is watched: watched_repositories is empty."
    if outward(document.external_url) and not document.api_tokens:
        yield (
            f"Nobody may change anything by the API or the page: external_url ({outward(document.external_url)}) says "
            "that other machines reach it, and no [api_tokens.NAME] are configured."
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
