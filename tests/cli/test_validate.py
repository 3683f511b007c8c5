"""``watchkeeper validate`` where no gate can be run: it says what is missing and touches nothing."""

from pathlib import Path

import pytest
import typer
import yaml

from bot.cli.console import EXIT_USAGE
from bot.cli.validate import validate
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.stage import document


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy.yml").write_text(yaml.safe_dump(document("unix:///nowhere.sock"), sort_keys=False))
    monkeypatch.setenv("WATCHKEEPER_POLICY", str(tmp_path / "policy.yml"))
    monkeypatch.setenv("WATCHKEEPER_AUDIT_KEY", AUDIT_KEY.decode())


@pytest.mark.parametrize(
    ("runbook", "told"),
    [
        ("restart-everything", "There is no runbook 'restart-everything' in the policy. It has: restart-checkout."),
        ("restart-checkout", "add `staging.alert` with the labels they have"),
    ],
)
def test_what_is_missing_is_said(runbook: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        validate(runbook)
    assert ended.value.exit_code == EXIT_USAGE
    assert told in capsys.readouterr().err


def test_a_database_that_is_named_and_cannot_be_used_is_said_before_anything_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = {"with": {"service": "checkout-staging"}, "alert": {"service": "checkout-staging"}}
    written = document("unix:///nowhere.sock")
    written["runbooks"]["restart-checkout"]["staging"] = staging
    (tmp_path / "policy.yml").write_text(yaml.safe_dump(written, sort_keys=False))
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/not-there.db")
    with pytest.raises(typer.Exit) as ended:
        validate("restart-checkout")
    assert ended.value.exit_code == EXIT_USAGE
    told = capsys.readouterr().err
    assert "Nothing could be stored, so nothing was run. There is no database at" in told
    assert not (tmp_path / "not-there.db").exists()


def test_without_a_key_for_the_record_nothing_is_begun(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHKEEPER_AUDIT_KEY")
    with pytest.raises(typer.Exit) as ended:
        validate("restart-checkout")
    assert ended.value.exit_code == EXIT_USAGE
    assert "WATCHKEEPER_AUDIT_KEY is not set" in capsys.readouterr().err
