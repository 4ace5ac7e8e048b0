"""The vendored axe-core is the file of its package."""

from tests.ui import axe


def test_axe_is_unchanged() -> None:
    assert axe.source().startswith("/*! axe v")
    assert (axe.VENDOR / "axe-core" / "LICENSE").read_text().startswith("Mozilla Public License, version 2.0")
