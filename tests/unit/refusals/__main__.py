"""Print docs/refusals.md: `make docs` writes it."""

import sys

from tests.unit.refusals.book import page, sections

sys.stdout.write(page(sections()))
