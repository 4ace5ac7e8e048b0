"""The inputs for readers of foreign text, and the limit of one reading: a multiple of a plain scan of the same text.

A reader in linear time takes a small multiple. One in quadratic time takes a thousand and more at this length.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

LENGTH = 40_000
MOST = 150.0
_TRIES = 4
_SINGLE = (*"<>\"'\\,;=:/@?#%[]{}()&|*+~^$!` \t\n\r.-_0a9A\0\x1bé\u2028\ud800",)
_PAIRS = (
    "<>", "a=", 'a="', '",', "://", "@:", 'a="\\', "/.", "../", "[:", "a.", "a-", "0.", "__", "<a>;", 'rel="', ": a",
    "a\n", "%00", "a://", '{"', "[[", "::", "é.", " \t", "a,b", "a;q=", "=\"", " = ", "''", "0x", "1.", "--", "* ",
    "${",
)  # fmt: skip
_CHARACTER = re.compile(r".", re.DOTALL)

Reader = Callable[[str], object]


def texts(length: int = LENGTH) -> Iterator[tuple[str, str]]:
    """Each piece, as a name, and the text that repeats it."""
    for piece in (*_SINGLE, *_PAIRS):
        yield repr(piece), piece * (length // len(piece))


def plain_scan(text: str) -> None:
    """Scan each character one time, in an expression that does nothing else."""
    for _ in _CHARACTER.finditer(text):
        pass


def seconds(reader: Reader, text: str, refusals: tuple[type[Exception], ...]) -> float:
    """CPU time of this thread for one reading. A refusal counts as a reading."""
    started = time.thread_time()
    with suppress(*refusals):
        reader(text)
    return time.thread_time() - started


def slow(reader: Reader, refusals: tuple[type[Exception], ...]) -> list[str]:
    """The pieces whose repetition takes the reader more than MOST scans, with that number.

    The fastest of some readings counts, since load makes single ones longer. A tenth of the text is read first, so that
    a reader that is far too slow is detected soon.
    """
    scan = min(seconds(plain_scan, "a" * LENGTH, ()) for _ in range(_TRIES))
    found = []
    for length, most in ((LENGTH // 10, MOST / 4), (LENGTH, MOST)):
        for name, text in texts(length):
            taken = _least(reader, text, refusals, enough=most * scan)
            if taken > most * scan:
                found.append(f"{length:,} characters of {name} take {taken / scan:,.0f} scans")
        if found:
            break
    return found


def _least(reader: Reader, text: str, refusals: tuple[type[Exception], ...], *, enough: float) -> float:
    least = float("inf")
    for _ in range(_TRIES):
        least = min(least, seconds(reader, text, refusals))
        if not enough < least < 20 * enough:
            break
    return least
