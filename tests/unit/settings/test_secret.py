"""A secret shows stars, and is compared without telling how near a guess is."""

import hashlib
import hmac

import pytest

from app.settings import Secret


def test_shows_stars_only() -> None:
    secret = Secret("canary")
    assert f"{secret} {secret!r} {[secret]}" == "*** Secret('***') [Secret('***')]"


def test_an_empty_secret_shows_that_it_is_empty_and_matches_nothing() -> None:
    empty = Secret("")
    assert (str(empty), repr(empty), bool(empty), empty.matches("")) == ("", "Secret('')", False, False)


def test_reveals_and_matches_its_text_alone() -> None:
    secret = Secret("pässword")
    assert secret
    assert secret.reveal() == "pässword"
    assert secret.matches("pässword")
    assert not secret.matches("password")
    assert not secret.matches("\udcff")


def test_equal_to_another_secret_of_the_same_text_but_not_to_the_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_signs_with_its_text_unless_that_is_empty() -> None:
    assert Secret("pässword").sign(b"x") == hmac.new("pässword".encode(), b"x", hashlib.sha256).digest()
    with pytest.raises(ValueError, match="empty"):
        Secret("").sign(b"x")
