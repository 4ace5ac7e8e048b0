"""The ACL token in use: a value, or a file that may be written anew at any time. It must never be shown."""

from pathlib import Path


class Token:
    """Safe to use from several threads. The file wins over the value; an unreadable file leaves what was known."""

    def __init__(self, value: str, file: str) -> None:
        self._value = value.strip()
        self._file = Path(file) if file else None
        self._seen: tuple[int, int, int] | None = None

    def current(self) -> str:
        """The token to send; "" for none. A file that was changed or replaced since is read again."""
        seen = self._stamp()
        if seen is not None and seen != self._seen:
            self._read()
            self._seen = seen
        return self._value

    def renewed(self, used: str) -> str | None:
        """Another token than the refused `used`, from the file as it is now; None when there is none to try."""
        self._read()
        return self._value if self._value != used else None

    def _stamp(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from the next; None when there is none to read."""
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            found = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return
        self._value = found or self._value
