"""``watchkeeper check``, and the same at every start: a policy that its systems cannot carry out is not used."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.app import app
from bot.cli.inputs import load_policy_file
from bot.policy.file.document import Policy
from remediations import plugins

EXAMPLE = Path(__file__).parents[2] / "docs" / "policy.example.yml"
PRODUCTION = ("{with: {service: checkout-staging}, alert:", "{with: {service: orders}, alert:")
NO_KIND = ('supervisor: {server: "unix:///run/supervisor.sock", ', "supervisor: {kind: mainframe, ")
NO_SETTING = ('server: "unix:///run/supervisor.sock", ', 'server: "unix:///run/supervisor.sock", pasword_env: CANARY, ')
OTHER_KIND = ('supervisor: {server: "unix:///run/supervisor.sock", ', "supervisor: {kind: nftables, ")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    copy = tmp_path / "policy.yml"
    copy.write_text(EXAMPLE.read_text())
    return copy


def change(policy: Path, old: str, new: str) -> None:
    text = policy.read_text()
    assert text.count(old) == 1
    policy.write_text(text.replace(old, new))


def check(policy: Path, *options: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["check", str(policy), *options], prog_name="watchkeeper")
    return answer.exit_code, " ".join(answer.output.split())


def test_the_example_is_good(policy: Path) -> None:
    code, said = check(policy)
    assert (code, said) == (0, f"{policy}: good, with 4 runbook(s) and 0 warning(s).")
    assert len(load_policy_file(policy).runbooks) == 4


def test_what_is_piped_to_a_program_is_one_line_however_long_the_path(policy: Path) -> None:
    deep = policy.parent / "with-a-long-name" / "and-another-one-below" / "policy.yml"
    deep.parent.mkdir(parents=True)
    policy.rename(deep)
    assert len(str(deep)) > 80
    answer = CliRunner().invoke(app, ["check", str(deep)], prog_name="watchkeeper")
    assert answer.output.splitlines() == [f"{deep}: good, with 4 runbook(s) and 0 warning(s)."]


@pytest.mark.parametrize(
    ("change_to", "told"),
    [
        (PRODUCTION, "'kill' would be injected into 'orders', which backend 'supervisor' does not call staging"),
        (NO_KIND, "'mainframe' is not a kind of backend"),
        (NO_SETTING, "unknown setting"),
        (OTHER_KIND, "backend 'supervisor' is of kind nftables, and restart_service cannot act through that"),
    ],
)
def test_what_its_systems_cannot_do_is_an_error_in_its_line_and_keeps_it_from_starting(
    policy: Path, capsys: pytest.CaptureFixture[str], change_to: tuple[str, str], told: str
) -> None:
    change(policy, *change_to)
    code, said = check(policy)
    assert code == 1
    assert f": error: {told}" in said
    assert "It cannot be used." in said
    with pytest.raises(typer.Exit):
        load_policy_file(policy)
    assert told in " ".join(capsys.readouterr().err.split())


NO_QUERY = ("up{service='search'} == 0", "up{service='search'")


def test_a_query_that_is_no_promql_is_an_error_here_and_in_what_is_foretold(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(policy, *NO_QUERY)
    code, said = check(policy)
    assert code == 1
    assert "error: the query is not PromQL: unexpected end of input inside braces (up{service='search')" in said
    assert "remedy: correct it, and try it on the Query page of Prometheus" in said
    assert "1 error(s), 0 warning(s). Correct it: `run` starts with it, but asks people" in said
    monkeypatch.chdir(policy.parent)
    Path("alert.json").write_text('{"version": "4", "alerts": []}')
    foretold = CliRunner().invoke(app, ["decide", "alert.json", "--policy", str(policy)], prog_name="watchkeeper")
    assert (foretold.exit_code, "the query is not PromQL" in foretold.output) == (2, True)


def test_prometheus_has_the_last_word_so_a_start_only_warns_of_such_a_query(
    policy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = []

    async def serve(_: object, rules: Policy) -> None:
        started.append(rules)

    change(policy, *NO_QUERY)
    monkeypatch.setattr("bot.app.serve", serve)
    monkeypatch.setattr(
        "bot.cli.run.begin_log", lambda: None
    )  # it would outlive this test, and write to what is closed
    given = {
        "SLACK_BOT_TOKEN": "xoxb-1-test",
        "SLACK_APP_TOKEN": "xapp-1-test",
        "WATCHKEEPER_AUDIT_KEY": "0123456789abcdef" * 4,
        "WATCHKEEPER_POLICY": str(policy),
    }
    answer = CliRunner().invoke(app, ["run"], prog_name="watchkeeper", env=given)
    assert (answer.exit_code, len(started)) == (0, 1), answer.output
    [line] = [record.getMessage() for record in caplog.records if "PromQL" in record.getMessage()]
    assert (
        "runbooks.restart-search-by-day.evidence.still_down: the query is not PromQL: unexpected end of input" in line
    )


def test_what_only_this_machine_lacks_is_an_error_where_that_is_asked(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    login = f', username: watch, password_file: "{tmp_path}/password", '
    change(policy, 'server: "unix:///run/supervisor.sock", ', f'server: "unix:///run/supervisor.sock"{login}')
    assert check(policy)[0] == 0, "another machine may have them"
    code, said = check(policy, "--here")
    assert code == 1
    line = next(n for n, text in enumerate(policy.read_text().splitlines(), 1) if "password_file" in text)
    column = policy.read_text().splitlines()[line - 1].index(f'"{tmp_path}/password"') + 1
    assert f"{policy}:{line}:{column}: error: Credential file" in said, "at the setting that names the file"
    assert f"error: Credential file {tmp_path}/password cannot be read (No such file or directory)" in said
    assert "remedy: it must exist and be readable as text by the Watchkeeper process" in said
    assert "error: Environment variable SMTP_PASSWORD is not set" in said
    (tmp_path / "password").write_text("canary")
    monkeypatch.setenv("SMTP_PASSWORD", "canary")
    assert check(policy, "--here") == (0, f"{policy}: good, with 4 runbook(s) and 0 warning(s).")


def test_a_path_that_is_none_is_an_error_like_any_other_setting(policy: Path) -> None:
    login = ', username: watch, password_file: "a\\0b", '
    change(policy, 'server: "unix:///run/supervisor.sock", ', f'server: "unix:///run/supervisor.sock"{login}')
    code, said = check(policy)
    assert (code, "`password_file` has a NUL in it, so it is no path" in said) == (1, True), said


def test_a_broken_plugin_is_named_and_nothing_starts_without_it(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    information = tmp_path / "acme-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{plugins.GROUP}]\nacme = acme_is_not_there:CAPABILITY\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.installed.cache_clear()
    told = "plugin 'acme' (acme_is_not_there:CAPABILITY) cannot be loaded (ModuleNotFoundError)"
    code, said = check(policy)
    assert (code, told in said) == (2, True), said
    with pytest.raises(typer.Exit):
        load_policy_file(policy)
    assert told in " ".join(capsys.readouterr().err.split())
    monkeypatch.undo()
    plugins.installed.cache_clear()
    assert check(policy)[0] == 0


def written(policy: Path, form: str) -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["check", str(policy), "--format", form], prog_name="watchkeeper")
    return answer.exit_code, answer.output


def test_programs_are_told_in_json(policy: Path) -> None:
    assert written(policy, "json") == (
        0,
        json.dumps({"file": str(policy), "usable": True, "problems": []}, indent=2) + "\n",
    )
    change(policy, *PRODUCTION)
    code, said = written(policy, "json")
    found = json.loads(said)
    assert (code, found["usable"], [each["severity"] for each in found["problems"]]) == (1, False, ["error"])
    assert found["problems"][0].keys() == {"line", "column", "path", "severity", "message", "remedy"}


def test_githubs_checks_are_told_by_its_commands_whatever_is_in_the_text(policy: Path) -> None:
    policy.write_text('"100%, a: b\\nc": 1\n')
    code, said = written(policy, "github")
    assert code == 1
    lines = said.splitlines()
    assert all(line.startswith(f"::error file={policy},line=1,col=1,title=") for line in lines)
    [unknown] = [line for line in lines if "unknown key" in line]
    assert ",title=100%25%2C a%3A b%0Ac::unknown key '100%25, a: b" in unknown
    assert "%0Aremedy: " in unknown
