"""Lines are whole, bounded and named."""

import io

import pytest

from app.local.output import LONGEST_LINE, Lines, prefixed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((b"one\ntwo\n",), ["one", "two"]),
        ((b"o", b"ne\nt", b"wo"), ["one", "two"]),
        ((b"dos\r\n",), ["dos"]),
        (("ü".encode()[:1], "ü".encode()[1:] + b"\n"), ["ü"]),
        ((b"\xff\n",), ["�"]),
        ((b"\n",), [""]),
        ((), []),
    ],
)
def test_bytes_become_lines(chunks: tuple[bytes, ...], expected: list[str]) -> None:
    lines = Lines()
    told = [line for chunk in chunks for line in lines.take(chunk)]
    assert told + lines.rest() == expected
    assert lines.rest() == []


def test_a_line_without_end_is_cut() -> None:
    lines = Lines()
    assert [len(line) for line in lines.take(b"x" * (LONGEST_LINE + 1))] == [LONGEST_LINE + 1]
    assert lines.rest() == []


def test_names_are_aligned_and_plain_in_a_file() -> None:
    stream = io.StringIO()
    show = prefixed(["web", "worker"], stream)
    show("web", "up")
    show("worker", "up")
    assert stream.getvalue() == "web    | up\nworker | up\n"


def test_names_are_coloured_on_a_terminal() -> None:
    stream = Terminal()
    show = prefixed(["web", "worker"], stream)
    show("web", "up")
    show("worker", "up")
    first, second = stream.getvalue().splitlines()
    assert first == "\x1b[36mweb    |\x1b[0m up"
    assert second.startswith("\x1b[33m")
