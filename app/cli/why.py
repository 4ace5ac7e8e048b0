"""`why`: what became of the tags of a repository, read from the database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.options import config_option
from app.cli.settings import command_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.services.views.why import Explained, ExplainedTag


@click.command()
@config_option
@click.argument("repo")
@click.argument("tag", required=False)
def why(config: Path | None, repo: str, tag: str | None) -> None:
    """Say why the tags of a repository run or do not, or why one tag does."""
    import asyncio

    from app.bootstrap.operating import explain_tags
    from app.domain.reference import parse_tag
    from app.errors import InvalidReference, Rejected

    try:
        asked = parse_tag(tag) if tag is not None else None
    except InvalidReference as error:
        raise Rejected(str(error)) from None
    found = asyncio.run(explain_tags(command_settings(config), repo, asked))
    click.echo("\n".join(_lines(found)))


def _lines(found: Explained) -> Iterator[str]:
    watch = found.watch
    if problem := watch.outage or watch.job_outage:
        yield f"as of the last check{_at(' at', watch.decision.last_at if watch.decision else None)}: {problem}"
    for each in found.tags:
        yield f"{each.facts.tag}: {each.why.outcome.value.replace('_', ' ')}: {each.message}"
        yield from (f"  {detail}" for detail in _details(each) if detail)
    if not found.tags:
        yield "no tag is on record"
    if found.omitted:
        yield f"{found.omitted} more tags are on record; ask for one: registrywatcher why {watch.name} TAG"


def _details(each: ExplainedTag) -> Iterator[str]:
    facts, hold = each.facts, each.hold
    if each.why.until is not None:
        since = _at("from", each.why.since) or "since before the first check"
        yield f"{since}{_at(' to', each.why.until)}"
    else:
        yield _at("since", each.why.since)
    if hold is not None:
        by = f"by {hold.by.by or 'a person'}{_at(' at', hold.by.at)}, " if hold.by is not None else ""
        yield f"held {by}until {hold.until}"
    yield f"found{_at(' at', facts.known_at)} by {facts.found_by.value}" if facts.known_at else "push time unknown"
    if facts.last_push is not None:
        yield f"named by delivery {facts.last_push.delivery_id} of {facts.last_push.source}"
    if facts.digest:
        yield f"digest {facts.digest}{' (the tag moved)' if facts.digest_changed else ''}"
    yield _at("not in the registry's list since", facts.absent_since)
    if facts.rollout is not None:
        yield f"rollout {facts.rollout.rollout_id}"
    yield f"fix: {each.fix}" if each.fix else ""


def _at(words: str, at: datetime | None) -> str:
    """The words with the time; "" without one."""
    return f"{words} {at.astimezone(UTC).isoformat(sep=' ', timespec='seconds')[:19]} UTC" if at is not None else ""
