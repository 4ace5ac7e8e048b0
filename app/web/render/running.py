"""The cell "Runs" of a watch: the images of its allocations, and what is only specified. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.domain.running import RunningImage
from app.services.views.queries import WatchView
from app.web.render.wording import ShownImage, images


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningLine:
    """An image with the number of its allocations, as in "×3, 1 starting"."""

    tag: str
    digest: str
    amount: str


def runs(watch: WatchView) -> Sequence[RunningLine]:
    """A line for each image that allocations run, start or stop."""
    return [RunningLine(tag=each.tag, digest=each.digest, amount=_amount(each)) for each in watch.running]


def only_specified(watch: WatchView) -> Sequence[ShownImage]:
    """The images that the job specifies, and no allocation runs."""
    running = {(each.tag, each.digest) for each in watch.running if each.running}
    return [each for each in images(watch.specified) if (each.tag, each.digest) not in running]


def runs_nothing(watch: WatchView) -> str:
    """What stands in the place of images when no allocation lives."""
    if watch.running:
        return ""
    if watch.allocation_count is None:
        return "unknown"
    return (
        f"nothing runs, of {watch.allocation_count}" if watch.allocation_count else "nothing runs, and nothing should"
    )


def in_words(watch: WatchView) -> str:
    """All of it in a line: "v1.17.5 ×3, v1.18.0 ×1 canary"."""
    lines = [f"{each.tag or 'an untagged image'} {each.amount}" for each in runs(watch)]
    return ", ".join(lines) or runs_nothing(watch)


def has_running(watch: WatchView, tag: str) -> bool:
    """Whether an allocation runs this tag."""
    return any(each.tag == tag and each.running for each in watch.running)


def _amount(image: RunningImage) -> str:
    return ", ".join(_parts(image))


def _parts(image: RunningImage) -> Iterator[str]:
    if image.canaries and image.canaries == image.running:
        yield f"×{image.running} {'canary' if image.running == 1 else 'canaries'}"
    elif image.running:
        yield f"×{image.running}"
        if image.canaries:
            yield f"{image.canaries} of them {'canary' if image.canaries == 1 else 'canaries'}"
    if image.starting:
        yield f"{image.starting} starting"
    if image.stopping:
        yield f"{image.stopping} stopping"


FILTERS = {
    "runs": runs,
    "only_specified": only_specified,
    "runs_nothing": runs_nothing,
    "running_in_words": in_words,
    "has_running": has_running,
}
