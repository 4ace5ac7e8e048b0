"""Blocks of text to paste, so that a sender posts to us, and the value they are built from. Knows no sender."""

from dataclasses import dataclass

PLACEHOLDER = "$YOUR_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One `[webhooks.NAME]` as its sender sees it. `has_secret` is whether the configuration has a secret for it."""

    name: str
    url: str
    has_secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A text to paste; `title` says into which file."""

    title: str
    text: str


def our_side(hook: Hook, kind: str) -> tuple[Block, ...]:
    """The block for our own configuration; none when the hook already has a secret."""
    if hook.has_secret:
        return ()
    kind_line = "" if hook.name == kind else f'kind = "{kind}"\n'
    text = f'[webhooks.{hook.name}]\n{kind_line}secret = "{PLACEHOLDER}"\n'
    return (Block(title="Into the configuration of registrywatcher:", text=text),)
