"""The digests that allocations run: the images that a test published, and those that each node has pulled.

Docker's rule (docs/nomad.md, section 11): a digest is fixed. A tag is pulled with `force_pull`, if it is `latest` or
left out, or if the node does not have the image. Otherwise the node runs the image that it has, even if the tag has
another digest now.
"""

from __future__ import annotations

import hashlib

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import Node


class Images:
    """Digests by image reference: as published, and as last pulled by a node."""

    def __init__(self) -> None:
        self._published: dict[str, str] = {}
        self._pulled: dict[tuple[int, str], str] = {}
        self.pulls = 0

    def publish(self, image: str, digest: str) -> None:
        """From now on a pull of this reference gives this digest. Nodes that have the image keep theirs."""
        self._published[_bare(image)] = digest

    def run(self, node: Node, config: Json) -> str:
        """The digest that a task with this driver configuration runs on a node, after a pull if Docker would do one.

        "" for a task without an image.
        """
        named = config.get("image")
        if not isinstance(named, str) or not named:
            return ""
        image = _bare(named)
        if "@" in image:
            return image.rpartition("@")[2]
        place = node.number, image
        if place not in self._pulled or config.get("force_pull") or _floating(image):
            self._pulled[place] = self._published.get(image) or _invented(image)
            self.pulls += 1
        return self._pulled[place]


def _bare(image: str) -> str:
    return image.removeprefix("https://").removeprefix("docker://")


def _floating(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def _invented(image: str) -> str:
    """The digest of an image that nobody published; always the same."""
    return "sha256:" + hashlib.sha256(image.encode()).hexdigest()
