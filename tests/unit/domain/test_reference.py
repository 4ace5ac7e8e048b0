"""References: docker's normal form, and the shared cases."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.reference import Reference, Repository, parse_digest, parse_tag
from app.errors import InvalidReference

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "references" / "reference-cases.json").read_bytes())
SHA256 = "sha256:" + "a" * 64


@pytest.mark.parametrize("case", CASES, ids=[case["input"] or "(empty)" for case in CASES])
def test_a_reference_is_read_as_docker_reads_it(case: dict[str, Any]) -> None:
    if case["expect"] is None:
        with pytest.raises(InvalidReference):
            Reference.parse(case["input"])
        return
    reference = Reference.parse(case["input"])
    assert {
        "registry": reference.repository.host,
        "repository": reference.repository.path,
        "tag": reference.tag,
        "digest": reference.digest,
    } == case["expect"]
    assert str(reference) == case["input"]


@pytest.mark.parametrize(
    ("tag", "digest", "printed"),
    [
        ("v2", SHA256, f"Registry.example.com:5000/team/app:v2@{SHA256}"),
        ("v2", None, "Registry.example.com:5000/team/app:v2"),
        (None, SHA256, f"Registry.example.com:5000/team/app@{SHA256}"),
        (None, None, "Registry.example.com:5000/team/app"),
    ],
)
def test_another_tag_and_digest_keep_the_spelling_of_host_and_path(
    tag: str | None, digest: str | None, printed: str
) -> None:
    reference = Reference.parse("Registry.example.com:5000/team/app:v1")
    assert reference.at(tag=tag, digest=digest) == printed
    assert str(reference.repository) == "registry.example.com:5000/team/app"


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io", "Registry.Hub.Docker.com"])
def test_the_names_of_docker_hub_are_one(host: str) -> None:
    assert Repository.of(host, "nginx") == Repository.of("docker.io", "library/nginx")
    assert Repository.of(host, "acme/app").path == "acme/app"


def test_a_known_host_is_not_guessed_away() -> None:
    assert Repository.of("localhost:5000", "app") == Repository(host="localhost:5000", path="app")
    assert Repository.of("myhost", "app").host == "myhost"


@pytest.mark.parametrize("host", ["", "a/b", "https://a", "-a.b", "a:port", "user@a", "[::1", "a\n"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidReference, match="is not a registry host"):
        Repository.of(host, "app")


@pytest.mark.parametrize("path", ["", "App", "a//b", "/a", "a/", "../a", "a__b__", "a___b", "a\n", "é", "a" * 256])
def test_what_is_no_repository_is_refused(path: str) -> None:
    with pytest.raises(InvalidReference, match="is not a repository name"):
        Repository.of("registry.example.com", path)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a" * 129, "a+b", "a\n", "a\x00", "é", "a/b"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(InvalidReference, match="is not a tag"):
        parse_tag(tag)


@pytest.mark.parametrize("tag", ["latest", "_", "1.0.0_build.5", "a" * 128])
def test_a_tag_is_taken_as_it_is(tag: str) -> None:
    assert parse_tag(tag) == tag


@pytest.mark.parametrize("digest", [SHA256, "sha512:" + "0" * 128, "blake3+x:" + "A" * 32])
def test_a_digest_is_taken_as_it_is(digest: str) -> None:
    assert parse_digest(digest) == digest


@pytest.mark.parametrize(
    "digest",
    ["", "sha256", "sha256:abc", SHA256[:-1], SHA256 + "0", "sha512:" + "0" * 64, SHA256 + "\n"],
)
def test_what_is_no_digest_is_refused(digest: str) -> None:
    with pytest.raises(InvalidReference, match="is not a digest"):
        parse_digest(digest)


def test_a_long_text_is_quoted_in_part() -> None:
    with pytest.raises(InvalidReference) as caught:
        parse_tag("x" * 10_000)
    assert str(caught.value).startswith(f"'{'x' * 77}...' is not a tag")


@pytest.mark.parametrize(("length", "quoted"), [(80, "/" * 80), (81, "/" * 77 + "...")])
def test_a_text_of_eighty_characters_is_quoted_in_full(length: int, quoted: str) -> None:
    with pytest.raises(InvalidReference, match="is not a tag") as caught:
        parse_tag("/" * length)
    assert str(caught.value).startswith(f"'{quoted}' ")


def test_the_longest_name_of_a_repository_is_taken() -> None:
    assert Repository.of("registry.example.com", "a" * 255).path == "a" * 255


def test_capitals_make_the_first_part_a_host() -> None:
    assert str(Reference.parse("Registry/app:v1").repository) == "registry/app"
