"""What stands in for production on staging: which alerts are about it, and how they are matched."""

from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.rules.matching import match
from bot.policy.rules.twin import also_about_twin, is_about_twin, mismatch, not_to_be_run
from bot.policy.situation import AlertFacts
from tests.policy.calm import RUNBOOK, calm_alert, calm_policy

TWIN = {"with": {"service": "checkout-staging"}, "alert": {"service": "checkout-staging"}, "inject": "kill"}
NAMED = "alert.name == 'ServiceDown' && alert.labels.service == 'checkout'"
OTHER = {"other": {"when": "alert.name == 'Other'"}}


def policy(staging: Any = TWIN, **runbook: Any) -> Policy:
    entry = {"with": {"service": "checkout"}, "staging": staging, **runbook}
    muted = [{"when": "alert.service == 'checkout-staging'", "reason": "staging"}]
    return calm_policy(entry, after=OTHER, mute=muted)


def of_twin(**changes: Any) -> AlertFacts:
    return calm_alert(service="checkout-staging", labels={"service": "checkout-staging"}, **changes)


def test_an_alert_is_about_the_twin_if_it_has_every_label_that_staging_names() -> None:
    two = policy({**TWIN, "alert": {"service": "checkout-staging", "team": "shop"}}).runbooks[RUNBOOK]
    assert is_about_twin(two, {"service": "checkout-staging", "team": "shop", "severity": "critical"})
    assert not is_about_twin(two, {"service": "checkout-staging"})
    for nothing in (None, {"with": {"service": "checkout-staging"}}):
        assert not is_about_twin(policy(nothing).runbooks[RUNBOOK], {"service": "checkout-staging"})


@pytest.mark.parametrize(
    ("staging", "runbook", "told"),
    [
        (None, {}, "has no `staging`"),
        (
            {"with": {"service": "checkout"}, "alert": {"service": "checkout"}},
            {},
            "staging of 'restart-checkout' is production",
        ),
        ({"with": {"service": "checkout-staging"}}, {}, "add `staging.alert`"),
        (TWIN, {"verify": {"within": "1m", "http": "http://127.0.0.1:1/"}}, "add `staging.verify`"),
        ({**TWIN, "with": {"zone": "b"}}, {"with": {"service": "${alert.labels.service}"}}, "give it a fixed value"),
        (TWIN, {}, ""),
    ],
)
def test_gates_that_could_prove_nothing_are_not_run(staging: Any, runbook: dict[str, Any], told: str) -> None:
    problem = not_to_be_run(policy(staging, **runbook), RUNBOOK)
    assert told in problem
    assert bool(problem) is bool(told)


def test_gates_of_no_runbook_are_not_run() -> None:
    assert (
        not_to_be_run(policy(), "nothing") == f"There is no runbook 'nothing' in the policy. It has: other, {RUNBOOK}."
    )
    assert not_to_be_run(policy().model_copy(update={"runbooks": {}}), "nothing").endswith("It has: none.")


@pytest.mark.parametrize(
    "when",
    [
        "alert.name == 'ServiceDown'",
        NAMED,
        'alert.name == "ServiceDown" && alert.service == "checkout"',
        "alert.name == 'ServiceDown' && alert.labels['service'] in ['basket', 'checkout']",
    ],
)
def test_where_production_is_named_the_twin_stands_in_for_it(when: str) -> None:
    whole = policy(when=when)
    assert mismatch(whole, RUNBOOK, of_twin()) == ""
    widened = calm_policy({"when": also_about_twin(whole.runbooks[RUNBOOK])})
    assert match(widened, of_twin()).runbook == RUNBOOK
    assert match(widened, calm_alert()).runbook == RUNBOOK
    assert match(widened, of_twin(name="Else")).runbook is None


def test_nothing_else_is_replaced_and_the_remedy_is_named() -> None:
    assert "no runbook is taken instead of 'restart-checkout'" in mismatch(
        policy(when=NAMED), RUNBOOK, of_twin(name="X")
    )
    assert "'other' is taken" in mismatch(policy(when=NAMED), RUNBOOK, of_twin(name="Other"))
    pattern = policy(when="alert.service.matches('^checkout$')")
    assert "`staging.alert` with what staging has instead" in mismatch(pattern, RUNBOOK, of_twin())
    assert also_about_twin(pattern.runbooks[RUNBOOK]) == pattern.runbooks[RUNBOOK].when
    none = policy(None, when=NAMED).runbooks[RUNBOOK]
    assert also_about_twin(none) == NAMED


def test_the_name_of_what_fires_is_never_replaced() -> None:
    staging = {**TWIN, "alert": {"alertname": "StagingDown", "service": "checkout-staging"}}
    whole = policy(staging, when="alert.labels.alertname == 'ServiceDown'")
    alert = calm_alert(name="StagingDown", labels={"alertname": "StagingDown", "service": "checkout-staging"})
    assert mismatch(whole, RUNBOOK, alert)
    assert also_about_twin(whole.runbooks[RUNBOOK]) == whole.runbooks[RUNBOOK].when


def test_any_label_may_tell_the_twin() -> None:
    whole = policy({**TWIN, "alert": {"zone": "staging"}}, when="alert.labels.zone == 'production'")
    alert = calm_alert(labels={"zone": "staging"})
    assert mismatch(whole, RUNBOOK, alert) == ""
    assert match(calm_policy({"when": also_about_twin(whole.runbooks[RUNBOOK])}), alert).runbook == RUNBOOK
