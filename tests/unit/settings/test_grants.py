"""A token or secret that a file no longer holds ends at once; nothing is added, and never are all gone."""

from pathlib import Path

import pytest

from app.settings import ApiToken, FaultySettings, Granted, Secret, Settings, TokenRole, load_settings, narrowed
from tests.unit.settings.files import SOUND, load

ACCESS = """
[webhooks.distribution]
secret = "hook"
previous_secret = "hook-before"
[webhooks.other]
kind = "distribution"
secret = "other"
[api_tokens.ops]
role = "admin"
token = "ops-token"
[api_tokens.ci]
role = "deployer"
token = "ci-token"
"""
FAULT = "xyzzy = 1\n"


@pytest.fixture
def before(tmp_path: Path) -> Settings:
    return load(tmp_path, SOUND + ACCESS)


def after(folder: Path, before: Settings, access: str) -> Settings:
    """The settings in force, narrowed by a file with another fault."""
    file = folder / "config.toml"
    file.write_text(FAULT + SOUND + access)
    with pytest.raises(FaultySettings) as caught:
        load_settings(file, {})
    return narrowed(before, caught.value.granted)


def roles(settings: Settings) -> dict[str, TokenRole]:
    return {token.name: token.role for token in settings.api_tokens}


def secrets(settings: Settings) -> dict[str, list[str]]:
    return {name: [each.reveal() for each in source.secrets] for name, source in settings.webhook_sources.items()}


def test_what_the_file_still_holds_stays(tmp_path: Path, before: Settings) -> None:
    assert after(tmp_path, before, ACCESS) == before


def test_a_token_that_is_gone_or_changed_ends_though_the_file_has_another_fault(
    tmp_path: Path, before: Settings
) -> None:
    changed = ACCESS.replace('"ci-token"', '"new-token"')
    assert roles(after(tmp_path, before, changed)) == {"ops": TokenRole.ADMIN}
    assert roles(after(tmp_path, before, ACCESS.partition("[api_tokens.ci]")[0])) == {"ops": TokenRole.ADMIN}


def test_a_lower_role_counts_and_a_higher_one_does_not(tmp_path: Path, before: Settings) -> None:
    lower = ACCESS.replace('"admin"', '"viewer"').replace('"deployer"', '"admin"')
    assert roles(after(tmp_path, before, lower)) == {"ops": TokenRole.VIEWER, "ci": TokenRole.DEPLOYER}


def test_when_every_token_was_replaced_nobody_comes_in_and_access_is_still_by_token(
    tmp_path: Path, before: Settings
) -> None:
    replaced = ACCESS.replace("ops-token", "a").replace("ci-token", "b")
    (nobody,) = after(tmp_path, before, replaced).api_tokens
    assert nobody.role is TokenRole.VIEWER
    assert not any(nobody.secret.matches(each) for each in ("", "ops-token", "ci-token", "a", "b"))
    assert nobody.secret.sign(b"cookie")


@pytest.mark.parametrize("text", ["", '[webhooks.distribution]\nsecret = "hook"\n[api_tokens.ops]\nrole = "admin"'])
def test_a_file_without_any_token_takes_none_away(tmp_path: Path, before: Settings, text: str) -> None:
    assert after(tmp_path, before, text).api_tokens == before.api_tokens


def test_a_webhook_secret_that_is_gone_ends_and_its_source_stays_known(tmp_path: Path, before: Settings) -> None:
    changed = ACCESS.replace('previous_secret = "hook-before"\n', "").replace('secret = "other"', 'secret = "new"')
    assert secrets(after(tmp_path, before, changed)) == {"distribution": ["hook"], "other": []}
    without = ACCESS.replace('[webhooks.other]\nkind = "distribution"\nsecret = "other"\n', "")
    assert secrets(after(tmp_path, before, without))["other"] == []


def test_a_file_without_any_webhook_secret_takes_none_away(tmp_path: Path, before: Settings) -> None:
    assert after(tmp_path, before, "").webhook_sources == before.webhook_sources


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role = "admin"', 'role = "admn"'),
        ('role = "admin"', 'rle = "admin"'),
        ('token = "ops-token"', 'tokn = "ops-token"'),
        ('token = "ops-token"', "token = 5"),
        ('token = "ci-token"', 'token = "ops-token"'),
        ('secret = "other"', 'secrt = "other"'),
        ('secret = "other"', "secret = 5"),
        ('previous_secret = "hook-before"', 'previous_secrt = "hook-before"'),
    ],
)
def test_an_entry_with_a_fault_of_its_own_leaves_what_is_in_force(
    tmp_path: Path, before: Settings, old: str, new: str
) -> None:
    assert old in ACCESS
    narrowed_by = after(tmp_path, before, ACCESS.replace(old, new, 1))
    assert roles(narrowed_by) == {"ops": TokenRole.ADMIN, "ci": TokenRole.DEPLOYER}
    assert secrets(narrowed_by) == secrets(before)


def test_a_fault_of_one_entry_keeps_no_other(tmp_path: Path, before: Settings) -> None:
    faulty = ACCESS.replace('role = "deployer"', 'role = "deplyer"').replace('"ops-token"', '"new-token"')
    faulty = faulty.replace('secret = "other"', 'secrt = "other"').replace('previous_secret = "hook-before"\n', "")
    narrowed_by = after(tmp_path, before, faulty)
    assert roles(narrowed_by) == {"ci": TokenRole.DEPLOYER}
    assert secrets(narrowed_by) == {"distribution": ["hook"], "other": ["other"]}


def test_a_token_under_another_name_whose_role_is_faulty_stays_as_it_is(tmp_path: Path, before: Settings) -> None:
    renamed = ACCESS.replace('[api_tokens.ops]\nrole = "admin"', '[api_tokens.operators]\nrole = "admn"')
    assert roles(after(tmp_path, before, renamed)) == {"ops": TokenRole.ADMIN, "ci": TokenRole.DEPLOYER}


def test_tokens_are_not_added_where_there_were_none(tmp_path: Path) -> None:
    open_to_all = load(tmp_path, SOUND)
    new = Granted((ApiToken(name="ops", role=TokenRole.ADMIN, secret=Secret("x")),), {})
    assert narrowed(open_to_all, new).api_tokens == ()


def test_a_file_that_is_no_toml_grants_nothing_to_compare_with(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[api_tokens.ops")
    with pytest.raises(Exception, match="TOML") as caught:
        load_settings(file, {})
    assert not isinstance(caught.value, FaultySettings)
