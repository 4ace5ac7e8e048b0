"""Builds the smallest Linux programs that wait, complain or exit. No compiler, no download.

A program is a list of system calls, run in order. It is put into a static ELF file with one segment, for x86-64 and for
arm64. https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_BASE = 0x400000
_HEADERS = 64 + 56
_SIGNALS = struct.pack("<Q", 1 << 1 | 1 << 14)  # SIGINT and SIGTERM, as a kernel signal set
_BLOCK = 0


class Machine(StrEnum):
    """Named as in image configurations."""

    AMD64 = "amd64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True)
class Data:
    """An argument that points at these bytes."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A system call by name; arguments are small numbers or data."""

    name: str
    arguments: tuple[int | Data, ...]


def say(text: str) -> Call:
    """Write a line to stderr."""
    line = text.encode() + b"\n"
    return Call("write", (2, Data(line), len(line)))


def sleep(seconds: float) -> Call:
    whole, part = divmod(round(seconds * 1e9), 10**9)
    return Call("nanosleep", (Data(struct.pack("<qq", whole, part)), 0))


def fill(megabytes: int) -> Call:
    """Map that much memory and touch all of it: more than a container's limit kills the program."""
    private, anonymous, populate = 0x02, 0x20, 0x8000
    readable_and_writable = 3
    return Call("mmap", (0, megabytes << 20, readable_and_writable, private | anonymous | populate, 0, 0))


def leave(status: int) -> Call:
    return Call("exit", (status,))


def until_told() -> tuple[Call, ...]:
    """Wait for SIGTERM or SIGINT.

    The first process of a container ignores a signal without a handler, so the signals are blocked and then awaited.
    """
    signals = Data(_SIGNALS)
    return Call("rt_sigprocmask", (_BLOCK, signals, 0, 8)), Call("rt_sigtimedwait", (signals, 0, 0, 8))


def program(machine: Machine, calls: Sequence[Call]) -> bytes:
    """The ELF file; the last call must exit."""
    code_of, numbers, elf_machine = _MACHINES[machine]
    size = sum(len(code_of(numbers[call.name], [0] * len(call.arguments))) for call in calls)
    start = _BASE + _HEADERS + size + -size % 8
    code, data = b"", b""
    for call in calls:
        arguments = []
        for argument in call.arguments:
            if isinstance(argument, Data):
                arguments.append(start + len(data))
                data += argument.content + b"\0" * (-len(argument.content) % 8)
            else:
                arguments.append(argument)
        code += code_of(numbers[call.name], arguments)
    body = code + b"\0" * (-size % 8) + data
    return _headers(elf_machine, len(body)) + body


def _headers(machine: int, body: int) -> bytes:
    entry = _BASE + _HEADERS
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    readable_and_executable = 5
    total = _HEADERS + body
    return head + struct.pack("<IIQQQQQQ", 1, readable_and_executable, 0, _BASE, _BASE, total, total, 0x10000)


def _amd64(number: int, arguments: Sequence[int]) -> bytes:
    """mov to edi, esi, edx, r10d, r8d, r9d and eax; syscall. A 32-bit move clears the register's upper half."""
    registers = (b"\xbf", b"\xbe", b"\xba", b"\x41\xba", b"\x41\xb8", b"\x41\xb9")
    moves = b"".join(register + struct.pack("<I", value) for register, value in zip(registers, arguments, strict=False))
    return moves + b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


def _arm64(number: int, arguments: Sequence[int]) -> bytes:
    """movz and movk to x0, x1, …, and the number to x8; svc #0. Four bytes each."""
    message = []
    for register, value in (*enumerate(arguments), (8, number)):
        message.append(0xD2800000 | (value & 0xFFFF) << 5 | register)
        message.append(0xF2A00000 | (value >> 16 & 0xFFFF) << 5 | register)
    return struct.pack(f"<{len(message) + 1}I", *message, 0xD4000001)


_MACHINES = {
    Machine.AMD64: (
        _amd64,
        {"write": 1, "mmap": 9, "rt_sigprocmask": 14, "nanosleep": 35, "exit": 60, "rt_sigtimedwait": 128},
        62,
    ),
    Machine.ARM64: (
        _arm64,
        {"write": 64, "exit": 93, "nanosleep": 101, "rt_sigprocmask": 135, "rt_sigtimedwait": 137, "mmap": 222},
        183,
    ),
}
