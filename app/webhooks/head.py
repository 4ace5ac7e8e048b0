"""The head of a sender's request: its headers as received, and the time. Must not decide anything.

A mapping of header names, in any case, to the first value of each. Bytes are decoded as Latin-1, so that none is lost.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MAX_KEPT = 1000
"""The longest header value that is stored with a delivery, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head(Mapping[str, str]):
    """`fields` are the headers in the order received, names in lower case; a name may occur more than once.

    `received_at` is in seconds since 1970: some signatures are valid for only a few minutes.
    """

    fields: tuple[tuple[bytes, bytes], ...]
    received_at: float

    def all(self, name: str) -> tuple[bytes, ...]:
        """Every value of a header, in the order received; none when it was not sent."""
        key = name.lower().encode("utf-8", "surrogatepass")
        return tuple(value for sent, value in self.fields if sent == key)

    def kept(self, names: Iterable[str]) -> Mapping[str, str]:
        """These headers for storage, by lower-case name.

        A value that is longer than MAX_KEPT or has control characters is left out: Postgres cannot store a NUL.
        """
        found = {name.lower(): self.get(name, "") for name in names}
        return {name: value for name, value in found.items() if 0 < len(value) <= MAX_KEPT and value.isprintable()}

    def __getitem__(self, name: str) -> str:
        for value in self.all(name):
            return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.decode("latin-1") for name, _ in self.fields))

    def __len__(self) -> int:
        return len({name for name, _ in self.fields})
