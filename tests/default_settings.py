"""The product's default settings, for tests that build services themselves.

A test that needs a shorter time replaces that one value; everything else keeps the product's numbers.
"""

from app.bootstrap.values import look_settings, patience
from app.settings import load_settings

DEFAULTS = load_settings(None, {"REGISTRYWATCHER_DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing"}, places=())
LOOK_DEFAULTS = look_settings(DEFAULTS)
PATIENCE_DEFAULTS = patience(DEFAULTS)
