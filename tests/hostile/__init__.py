"""Hostile and malformed input at every door: labelled by hand, derived from those, and found by fuzzers."""
