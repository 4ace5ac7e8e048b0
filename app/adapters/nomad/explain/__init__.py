"""Explains in plain words why a registration does not run: task events, placement, checks and logs."""
