"""The ACL token in use: a value, or a file that may be rewritten at any time. A token is never shown."""

from pathlib import Path


class TokenSource:
    """Safe to use from several threads. The file wins over the value; an unreadable file keeps the last token."""

    def __init__(self, value: str, file: str) -> None:
        self._value = value.strip()
        self._file = Path(file) if file else None
        self._read_stamp: tuple[int, int, int] | None = None

    def current(self) -> str:
        """The token to send; "" for none. The file is read again when it changed."""
        stamp = self._stamp()
        if stamp is not None and stamp != self._read_stamp:
            self._read()
            self._read_stamp = stamp
        return self._value

    def renewed(self, used: str) -> str | None:
        """The token in the file now, if it is not the refused `used`; None when there is no other to try."""
        self._read()
        return self._value if self._value != used else None

    def _stamp(self) -> tuple[int, int, int] | None:
        """A stamp that changes with the file; None when there is no file to read."""
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
