"""Tests of every function that reads foreign text, with 100 kB of difficult input."""
