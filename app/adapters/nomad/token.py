"""The ACL token in use: a value, or a file that may be written anew at any time. It must never be shown."""

from pathlib import Path


class Token:
    """Safe to use from several threads. The file wins over the value; an unreadable file leaves what was known."""

    def __init__(self, value: str, file: str) -> None:
        self._value = value.strip()
        self._file = Path(file) if file else None
        self._is_read = False

    def current(self) -> str:
        """The token to send; "" for none."""
        if not self._is_read:
            self._is_read = True
            self._read()
        return self._value

    def renewed(self, used: str) -> str | None:
        """Another token than the refused `used`, from the file as it is now; None when there is none to try."""
        self._read()
        return self._value if self._value != used else None

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            found = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return
        self._value = found or self._value
