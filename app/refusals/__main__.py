"""Print docs/refusals.md; `make docs` writes the file."""

import sys

from app.refusals.page import page, sections

sys.stdout.write(page(sections()))
