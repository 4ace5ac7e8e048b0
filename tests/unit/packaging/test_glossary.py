"""The glossary can be read by a program: one meaning a word, and every retired word once."""

import re

from tests.unit.packaging.documents import read, rows

TABLE = rows(read("docs/glossary.md"), "word")
WORDS = [word for message, _, _ in TABLE for word in message.split(", ")]
RETIRED = [word for _, _, retired in TABLE for word in retired.split(", ") if word]


def test_every_word_has_one_meaning() -> None:
    assert len(TABLE) > 40
    assert len(WORDS) == len(set(WORDS))
    assert [message for message, meaning, _ in TABLE if not meaning] == []


def test_every_retired_word_is_a_plain_word_that_stands_once_and_is_no_word_in_use() -> None:
    assert [word for word in RETIRED if not re.fullmatch(r"[a-z]+(_[a-z]+)*", word)] == []
    assert len(RETIRED) == len(set(RETIRED))
    assert set(RETIRED) & set(WORDS) == set()
