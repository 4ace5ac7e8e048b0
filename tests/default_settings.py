"""The product's default settings, for tests that build services themselves.

A test that needs a shorter time replaces that one value; everything else keeps the product's numbers.
"""

from app.bootstrap.values import patience, reconcile_settings
from app.settings import load_settings

DEFAULTS = load_settings(None, {"REGISTRYWATCHER_DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing"}, places=())
RECONCILE_DEFAULTS = reconcile_settings(DEFAULTS)
PATIENCE_DEFAULTS = patience(DEFAULTS)
