"""Bugs that the suite must find: each is planted in a copy of the tree, and its tests must fail there."""
