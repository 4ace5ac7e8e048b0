"""Runs axe-core on a page. It is vendored for the tests only, and runs from outside: the pages' policy allows no
foreign scripts."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

VENDOR = Path(__file__).parent / "vendor"
_FILE = "axe-core/axe.min.js"


COLORS = ("color-contrast", "link-in-text-block")
"""The rules that depend on colours."""


@cache
def source() -> str:
    """axe-core as in its package; AssertionError when the vendored file was changed."""
    code = (VENDOR / _FILE).read_bytes()
    manifest = json.loads((VENDOR / "MANIFEST.json").read_bytes())[_FILE]
    assert hashlib.sha256(code).hexdigest() == manifest["sha256"], f"{_FILE} is not what {manifest['package']} ships"
    assert len(base64.b64decode(manifest["integrity"].removeprefix("sha512-"))) == 64
    return code.decode()


async def violations(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """One line for each rule and element that breaks it, by every rule of axe-core, best practices among them; or by
    these `rules`.
    """
    if not await page.evaluate("() => 'axe' in globalThis"):
        await page.evaluate(source())
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    options = {"resultTypes": ["violations"], **only}
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [_line(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    where = " ".join(str(part) for part in node["target"])
    why = " ".join((node.get("failureSummary") or "").split())
    return f"{rule['id']} ({rule['impact']}): {where}: {why} [{node['html'][:160]}]"
