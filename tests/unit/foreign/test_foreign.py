"""Reading foreign text never takes more than a small multiple of a plain scan of it."""

import re

import pytest

from app.adapters.nomad.http.polling import PollFailed
from app.adapters.nomad.http.problem import Refusal, Silence
from app.adapters.registry.client.exchange import RedirectRefused
from app.adapters.registry.wire import Malformed
from app.errors import RegistryWatcherError
from app.outbound.network import AnswerRefused
from tests.unit.foreign import callers, nomads, registries
from tests.unit.foreign.texts import slow

READERS = dict([*registries.readers(), *nomads.readers(), *callers.readers()])
REFUSALS = (
    ValueError, RegistryWatcherError, AnswerRefused, Malformed, RedirectRefused, PollFailed, Refusal, Silence,
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_time_grows_with_the_length_and_no_faster(name: str) -> None:
    assert slow(READERS[name], REFUSALS) == []


def test_a_reader_in_the_square_of_the_length_is_found_out() -> None:
    def square(text: str) -> None:
        re.findall(r"<(?:[^>]|x)*>", text)  # detected at a tenth of the length already

    assert slow(square, ())
