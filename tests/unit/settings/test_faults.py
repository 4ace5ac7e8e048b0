"""Each class of fault: named by its key, with the problem and the fix; all of them together."""

from pathlib import Path

import pytest

from app.errors import ConfigError
from app.settings import load_settings, require_database
from tests.unit.settings.files import SOUND, faults, keys, load

HUB = "registry_map.hub"
APP = "repo_map.app"


def changed(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new)


DOMAIN = 'registry_domain = "registry.example"'
NAME = 'registry_name = "hub"'
TASK = 'nomad_task_name = "task"'
TOP = '["app"]'


@pytest.mark.parametrize(
    ("text", "key", "problem", "fix"),
    [
        ("poll_intervall = '5s'" + SOUND, "poll_intervall", "not a known key", "Did you mean `poll_interval`?"),
        ("xyzzy = 1" + SOUND, "xyzzy", "not a known key", "Remove it."),
        (SOUND + "nomad_jobname = 'x'", f"{APP}.nomad_jobname", "not a known key", "Did you mean `nomad_job_name`?"),
        (SOUND + "[nomad]\nadress = 'x'", "nomad.adress", "not a known key", "Did you mean `address`?"),
        (SOUND + "[repo_mapp.x]", "repo_mapp", "not a known key", "Did you mean `repo_map`?"),
        ("poll_interval = '5'" + SOUND, "poll_interval", "not a duration", "59s"),
        ("poll_interval = '0s'" + SOUND, "poll_interval", "longer than 0", "59s"),
        ("poll_interval = 5" + SOUND, "poll_interval", "must be a text", "quotes"),
        ("retention_days = 'many'" + SOUND, "retention_days", "whole number", "without quotes"),
        ("retention_days = true" + SOUND, "retention_days", "whole number", "without quotes"),
        ("retention_days = 0" + SOUND, "retention_days", "too small", "at least 1"),
        ("retention_days = 99999999999" + SOUND, "retention_days", "too large", "below"),
        ("max_rollouts = -1" + SOUND, "max_rollouts", "too small", "at least 0"),
        ("max_rollouts = 'some'" + SOUND, "max_rollouts", "whole number", "without quotes"),
        ("stop_after_failure = 'x'" + SOUND, "stop_after_failure", "true or false", "without quotes"),
        ("own_job = '/job'" + SOUND, "own_job", "not name one job", "namespace/job"),
        ("own_job = 'apps/'" + SOUND, "own_job", "not name one job", "namespace/job"),
        ("own_job = '*/job'" + SOUND, "own_job", "not name one job", "namespace/job"),
        ("own_job = 5" + SOUND, "own_job", "must be a text", "quotes"),
        ("observe_only = 'maybe'" + SOUND, "observe_only", "true or false", "without quotes"),
        ("observe_only = []" + SOUND, "observe_only", "true or false", "without quotes"),
        (changed(TOP, "5"), "watched_repositories", "must be a list", '["one", "two"]'),
        (changed(TOP, '["app", 5]'), "watched_repositories.1", "must be a text", "quotes"),
        (changed(TOP, '"\\u0000"'), "watched_repositories.0", "NUL character", "Remove it"),
        ("nomad = 'x'" + SOUND, "nomad", "must be a table", "[table]"),
        ("webhooks = []" + SOUND, "webhooks", "must be a table", "[table.name]"),
        ("external_url = 'ftp://x'" + SOUND, "external_url", "not a usable URL", "https://…"),
        ("external_url = 'https://x:port'" + SOUND, "external_url", "not a usable URL", "https://…"),
        ("external_url = 'https://u:p@x'" + SOUND, "external_url", "more than an address", "Leave out"),
        ("webhook_url = 'slack'" + SOUND, "webhook_url", "not a usable URL", "https://…"),
        ("webhook_url = '$YOUR_SLACK_URL_HERE'" + SOUND, "webhook_url", "placeholder", "real value"),
        ("webhook_url = '${slack_url}'" + SOUND, "webhook_url", "placeholder", "real value"),
        ("webhook_url = '{{ key \"slack\" }}'" + SOUND, "webhook_url", "placeholder", "real value"),
        ('webhook_url = "a\\u0000b"' + SOUND, "webhook_url", "NUL", "Remove it."),
        ("database_url = 'mysql://x'" + SOUND, "database_url", "not a usable URL", "postgresql://…"),
        ("database_url = 'postgres://x?sslmode=off'" + SOUND, "database_url", "unknown sslmode", "disable, allow"),
        ("redis_url = 'localhost'" + SOUND, "redis_url", "not a usable URL", "redis://…"),
        ("server_listening_address = '8080'" + SOUND, "server_listening_address", "not an address", ":8080"),
        ("server_listening_address = ':99999'" + SOUND, "server_listening_address", "not an address", ":8080"),
        (changed(DOMAIN, ""), f"{HUB}.registry_domain", "is missing", "Add it"),
        (changed(DOMAIN, "registry_domain = 'https://x/'"), f"{HUB}.registry_domain", "not a host", "registry_scheme"),
        (changed(DOMAIN, "registry_domain = 5"), f"{HUB}.registry_domain", "must be a text", "quotes"),
        (
            changed(DOMAIN, f"{DOMAIN}\nregistry_scheme = 'ftp'"),
            f"{HUB}.registry_scheme",
            "choice",
            "'https' or 'http'",
        ),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_auth = 'no base64'"), f"{HUB}.registry_auth", "not base64", "base64"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_auth = '/w=='"), f"{HUB}.registry_auth", "not base64", "base64"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_auth = 'YWJj'"), f"{HUB}.registry_auth", "user:password", "base64"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_auth = 'OmFi'"), f"{HUB}.registry_auth", "user:password", "base64"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_auth = '$YOUR_AUTH'"), f"{HUB}.registry_auth", "placeholder", "value"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_ca = '/absent'"), f"{HUB}.registry_ca", "cannot be read", "path"),
        (changed(DOMAIN, f"{DOMAIN}\nregistry_ca = '/dev/null'"), f"{HUB}.registry_ca", "no PEM", "PEM"),
        (
            changed(NAME, "registry_name = 'hubb'"),
            f"{APP}.registry_name",
            "no registry_map has the name `hubb`",
            "`hub`",
        ),
        (changed(NAME, "registry_name = 'é'"), f"{APP}.registry_name", "no registry_map has", 'Add [registry_map."é"]'),
        (changed(NAME, ""), f"{APP}.registry_name", "is missing", "Add [registry_map.NAME]"),
        (changed(NAME, "registry_name = 5"), f"{APP}.registry_name", "must be a text", "quotes"),
        (changed(TASK, ""), f"{APP}.nomad_task_name", "is missing", "Add nomad_task_name"),
        (changed(TASK, "nomad_task_name = 5"), f"{APP}.nomad_task_name", "must be a text", "quotes"),
        (changed('nomad_job_name = "job"', ""), f"{APP}.nomad_job_name", "is missing", "Add nomad_job_name"),
        (SOUND + "repository = 'UPPER'", f"{APP}.repository", "not a repository name", "path in the registry"),
        (SOUND + "deploy_by = 'hand'", f"{APP}.deploy_by", "not a known choice", "'digest' or 'tag'"),
        (SOUND + "promote_after = '10'", f"{APP}.promote_after", "not a duration", "59s"),
        (SOUND + "promote_after = '0s'", f"{APP}.promote_after", "longer than 0", "59s"),
        (SOUND + "promote_after = 10", f"{APP}.promote_after", "must be a text", "quotes"),
        (SOUND + "revert_on_failure = 'no way'", f"{APP}.revert_on_failure", "true or false", "without quotes"),
        (SOUND + "nomad_namespace = '*'", f"{APP}.nomad_namespace", "every namespace", "Name one."),
        (changed(TOP, '["app", "ap"]'), "watched_repositories", "no repo_map has the name `ap`", "Did you mean `app`?"),
        (changed(TOP, '["app", "zz"]'), "watched_repositories", "no repo_map has the name `zz`", "Add [repo_map.zz]"),
        (SOUND + "[nomad]\naddress = 'nomad:4646'", "nomad.address", "not a usable URL", "http://…"),
        (SOUND + "[nomad]\nhttp_auth = 'user'", "nomad.http_auth", "user:password", "colon"),
        (SOUND + '[nomad]\nca_cert = "\\u0000"', "nomad.ca_cert", "NUL character", "Remove it"),
        (SOUND + "[nomad]\nca_path = '/absent'", "nomad.ca_path", "no folder", "PEM"),
        (SOUND + "[nomad]\ntoken_file = '/absent'", "nomad.token_file", "cannot be read", "path"),
        (SOUND + "[nomad]\nclient_key = '/dev/null'", "nomad.client_cert", "client_key is set", "both or neither"),
        (SOUND + "[webhooks.distribution]", "webhooks.distribution.secret", "anybody could post", "openssl"),
        (SOUND + "[webhooks.x]\nsecret = 's'", "webhooks.x.kind", "is missing", "distribution"),
        (SOUND + "[webhooks.x]\nsecret = 's'\nkind = 'y'", "webhooks.x.kind", "not a known choice", "'distribution'"),
        (SOUND + "[api_tokens.x]\ntoken = 's'", "api_tokens.x.role", "is missing", "viewer, deployer, admin"),
        (SOUND + "[api_tokens.x]\nrole = 'boss'\ntoken = 's'", "api_tokens.x.role", "not a known choice", "'viewer'"),
        (SOUND + "[api_tokens.x]\nrole = 'admin'", "api_tokens.x.token", "is missing", "openssl"),
    ],
)
def test_names_the_fault(tmp_path: Path, text: str, key: str, problem: str, fix: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert (fault.source, fault.key) == (str(tmp_path / "config.toml"), key)
    assert problem in fault.problem
    assert fix in fault.fix


def test_a_broken_table_is_reported_one_time(tmp_path: Path) -> None:
    assert keys(
        tmp_path, changed(f'[registry_map.hub]\n{DOMAIN}\nregistry_prefix = "team"', "[registry_map]\nhub = 5")
    ) == [HUB]
    text = 'watched_repositories = ["app"]\n[repo_map]\napp = "x"\n'
    assert keys(tmp_path, text) == [APP]


def test_two_watches_of_one_task_are_refused_unless_their_groups_differ(tmp_path: Path) -> None:
    other = f"""
[repo_map.other]
{NAME}
nomad_job_name = "job"
{TASK}
"""
    both = changed(TOP, '["app", "other"]')
    (fault,) = faults(tmp_path, both + other)
    assert fault.key == "repo_map.other.nomad_task_name"
    assert fault.problem == "claims the same task of job `job` as repo_map.app"
    one_group = 'nomad_group_name = "one"'
    two_group = 'nomad_group_name = "two"'
    assert keys(tmp_path, both + one_group + other) == ["repo_map.other.nomad_task_name"]
    assert keys(tmp_path, both + other + one_group) == ["repo_map.other.nomad_task_name"]
    assert keys(tmp_path, both + one_group + other + one_group) == ["repo_map.other.nomad_task_name"]
    assert len(load(tmp_path, both + one_group + other + two_group).watches) == 2
    assert len(load(tmp_path, both + other + 'nomad_namespace = "else"').watches) == 2


def test_two_equal_api_tokens_are_refused(tmp_path: Path) -> None:
    tokens = "[api_tokens.a]\nrole='admin'\ntoken='t'\n[api_tokens.b]\nrole='viewer'\ntoken='t'\n"
    assert keys(tmp_path, SOUND + tokens) == ["api_tokens.b.token"]


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    text = "poll_interval = 5\nxyzzy = 1\nwebhook_url = '$YOUR_URL'" + changed(NAME, "registry_name = 'gone'")
    assert keys(tmp_path, text, {"NOMAD_ADDR": "nowhere"}) == [
        "poll_interval",
        "webhook_url",
        "NOMAD_ADDR",
        "xyzzy",
        f"{APP}.registry_name",
    ]


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        (b"a = \n", "line 1, column 5", "is not TOML"),
        (b"a = 1\nb == 2\n", "line 2, column 4", "is not TOML"),
        (b"a = 1\r\nb = x\r\n", "line 2, column 5", "is not TOML"),
        (b"a = 1\n\n\nb = '\xff'\n", "line 4", "is not UTF-8"),
        (b"a = " + b"[" * 100_000, "file", "cannot be parsed"),
        (b"a = " + b"9" * 5000, "file", "cannot be parsed"),
    ],
    ids=["no value", "two equals", "carriage returns", "not UTF-8", "deep", "a huge number"],
)
def test_syntax_faults_have_their_place(tmp_path: Path, text: bytes, key: str, problem: str) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    (fault,) = caught.value.faults
    assert (fault.source, fault.key) == (str(file), key)
    assert problem in fault.problem


def test_a_database_is_required_only_by_commands_that_need_one(tmp_path: Path) -> None:
    require_database(load(tmp_path, SOUND, {"DATABASE_URL": "postgres://x"}))
    with pytest.raises(ConfigError, match=r"config\.toml: database_url: is missing\. Set DATABASE_URL"):
        require_database(load(tmp_path, SOUND))
    with pytest.raises(ConfigError, match="environment: database_url"):
        require_database(load_settings(None, {"REGISTRYWATCHER_OBSERVE_ONLY": "1"}, places=()))


def test_a_list_that_is_written_as_a_text_may_have_several_faults(tmp_path: Path) -> None:
    text = changed(TOP, '"app,\\u0000,\\u0000"')
    assert keys(tmp_path, text) == ["watched_repositories.1", "watched_repositories.2"]
