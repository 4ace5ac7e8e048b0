"""Vendored files are those of their package, and the licence is beside them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from app.web.http.assets import FOLDER
from tests.unit.packaging.documents import read, section

VENDOR = FOLDER / "vendor"
MANIFEST: dict[str, Any] = json.loads((VENDOR / "MANIFEST.json").read_text())
LICENCES = {"LICENSE", "LICENSE.md", "LICENSE.txt"}


def shipped() -> dict[str, Path]:
    """Every vendored file by its name in the manifest."""
    return {each.relative_to(VENDOR).as_posix(): each for each in VENDOR.rglob("*") if each.is_file()}


def test_every_file_is_listed_with_its_sum() -> None:
    files = {name: path for name, path in shipped().items() if path.name not in LICENCES | {"MANIFEST.json"}}
    assert set(files) == set(MANIFEST)
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == MANIFEST[name]["sha256"], name


def test_every_package_has_its_licence_and_is_documented() -> None:
    for name, entry in MANIFEST.items():
        (licence,) = (each for each in (VENDOR / name).parent.iterdir() if each.name in LICENCES)
        assert licence.stat().st_size > 200
        assert entry["package"].removesuffix(".org") in section(read("README.md"), "Licence")
        assert f"npm pack {entry['package']}@{entry['version']}" in read("CONTRIBUTING.md")
    assert "Zero-Clause BSD" in (VENDOR / "htmx" / "LICENSE").read_text()


def test_no_vendored_file_names_a_source_map() -> None:
    """Developer tools would request a source map, which is not shipped."""
    for name in MANIFEST:
        assert "sourceMappingURL" not in (VENDOR / name).read_text()
