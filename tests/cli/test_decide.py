"""``watchkeeper decide``: what would be done, told beforehand, and never more certain than what was asked."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bot.cli.app import app
from bot.cli.decision_forms import EXIT_CODES, Outcome
from bot.composition.stand_ins import RESTS_ON, NoDatabase
from bot.policy.decide import RULES
from remediations.infrastructure.restart_service import RestartService
from tests.fuzz import bodies

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "policy.example.yml"
NIGHT, NOON = "2026-11-26T03:00Z", "2026-11-26T12:00Z"
FREEZE = "2026-12-24T12:00Z"
Json = dict[str, Any]
ASKED = 12


def alert(name: str = "ServiceDown", service: str = "checkout", severity: str = "critical", **changes: Any) -> Json:
    labels = {"alertname": name, "service": service, "severity": severity} | changes.pop("labels", {})
    return {
        "status": "firing",
        "labels": {key: value for key, value in labels.items() if value},
        "annotations": {},
        "startsAt": "2026-11-26T02:59:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"{name}-{service}",
        **changes,
    }


def webhook(*alerts: Json) -> str:
    return json.dumps({"version": "4", "status": "firing", "receiver": "bot", "truncatedAlerts": 0, "alerts": alerts})


Decide = Callable[..., tuple[int, str]]


@pytest.fixture
def policy(tmp_path: Path) -> Json:
    """The example, to be changed; ``decide`` reads what it is by then."""
    document: Json = yaml.safe_load(EXAMPLE.read_text())
    document["people"]["sre-oncall"]["quiet_hours"]["from"] = "22:00"  # which this reader takes for a number
    return document


@pytest.fixture
def decide(tmp_path: Path, policy: Json, monkeypatch: pytest.MonkeyPatch) -> Decide:
    monkeypatch.chdir(tmp_path)
    for name in ("WATCHKEEPER_POLICY", "DATABASE_URL", "PROMETHEUS_URL", "WATCHKEEPER_AUDIT_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*alerts: Json, at: str = NIGHT, options: tuple[str, ...] = ()) -> tuple[int, str]:
        Path("policy.yml").write_text(yaml.safe_dump(policy, sort_keys=False))
        Path("alert.json").write_text(webhook(*alerts))
        return invoked("alert.json", "--at", at, *options)

    return run


def invoked(*words: str, given: str | bytes = "") -> tuple[int, str]:
    answer = CliRunner().invoke(app, ["decide", *words], input=given, prog_name="watchkeeper")
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer.exit_code, answer.output


def as_json(decide: Decide, *alerts: Json, at: str = NIGHT) -> Json:
    code, said = decide(*alerts, at=at, options=("--format", "json"))
    found: Json = json.loads(said)
    assert code == found["exit_code"]
    return found


def test_what_could_act_alone_asks_as_long_as_nothing_was_asked(decide: Decide) -> None:
    code, said = decide(alert())
    verdict, best, *_ = [line.strip() for line in said.splitlines() if "checkout" in line or "At best" in line]
    assert code == ASKED, said
    assert verdict == "ServiceDown on checkout: asks a person, as far as is known here."
    assert best.startswith("At best it acts unless somebody stops it: if nothing in the plan, monitoring and the data")
    assert "still_down                up{service='checkout'} == 0" in said
    assert 'error budget of checkout  slo:burn_rate:1h{service="checkout"}' in said
    assert "restart_service with backend=supervisor, service=checkout" in said
    assert "Planning stops here: no system was asked." in said
    assert "It waits 15s first" in said
    assert "stand-in" not in said
    assert "1000" not in said, "no case that stands in for real ones is told"


def test_every_rule_is_told_in_the_order_in_which_they_are_judged(decide: Decide) -> None:
    [incident] = as_json(decide, alert())["incidents"]
    assert tuple(rule["rule"] for rule in incident["rules"]) == RULES
    assert incident["rests_on"] == ["the plan", "monitoring", "the database"]
    assert (incident["outcome"], incident["at_best"], incident["certain"]) == ("ask", "act_unless_stopped", False)


def test_of_every_rule_it_is_known_what_it_rests_on() -> None:
    assert tuple(RESTS_ON) == RULES


@pytest.mark.parametrize("at", [NIGHT, NOON, FREEZE])
@pytest.mark.parametrize("name", ["ServiceDown", "MemoryLeak", "DiskFull", "Watchdog"])
@pytest.mark.parametrize("service", ["checkout", "search", "orders", ""])
def test_it_is_never_said_for_certain_that_it_would_act(decide: Decide, name: str, service: str, at: str) -> None:
    found = as_json(decide, alert(name, service), at=at)
    assert found["exit_code"] not in (EXIT_CODES[Outcome.ACT], EXIT_CODES[Outcome.ACT_UNLESS_STOPPED])
    assert all(incident["outcome"] not in ("act", "act_unless_stopped") for incident in found["incidents"])


def test_the_clock_of_at_says_who_sleeps(decide: Decide) -> None:
    leak = alert("MemoryLeak", "orders", "warning")
    code, said = decide(leak, at=NIGHT)
    assert code == ASKED, said
    assert "Asked: leads." in said
    assert "In quiet hours, so not called: sre-oncall until 2026-11-26 06:00 UTC." in said
    assert "At least 2 people must approve." in said
    _, said = decide(leak, at=NOON)
    assert "Asked: sre-oncall, leads." in said
    assert "quiet" not in said


def test_a_user_group_is_somebody_and_where_all_sleep_nobody_is_called(decide: Decide, policy: Json) -> None:
    policy["people"]["night"] = {"usergroup": "S0123ABC"}
    policy["defaults"]["approvals"] = {"from": ["night"]}
    _, said = decide(alert("DiskFull", "db", "warning"))
    assert "Called: night." in said
    policy["people"]["night"]["quiet_hours"] = {"from": "22:00", "until": "07:00", "timezone": "UTC"}
    _, said = decide(alert("DiskFull", "db", "warning"))
    assert "Nobody may be called at this hour." in said
    assert "In quiet hours, so not called: night until 2026-11-26 07:00 UTC." in said


def test_the_clock_of_at_says_what_is_frozen(decide: Decide) -> None:
    code, said = decide(alert(), at=FREEZE)
    assert code == 13, said
    assert "on hold, and people are called, as far as is known here" in said
    assert "release-week freezes everything until 2027-01-02 00:00 UTC" in said


def test_the_clock_of_at_says_which_conditions_hold(decide: Decide) -> None:
    search = alert("ServiceDown", "search", "warning")
    [by_night] = as_json(decide, search, at=NIGHT)["incidents"]
    assert by_night["at_best"] == "ask"
    assert by_night["headline"].startswith("Not every condition for acting alone holds: hour >= 8 && hour < 17 (false)")
    [by_day] = as_json(decide, search, at=NOON)["incidents"]
    assert by_day["at_best"] == "act"
    [conditions] = [rule for rule in by_day["rules"] if rule["rule"] == "conditions"]
    assert conditions["standing"] == "unknown"
    assert conditions["text"].startswith("recent_failures == 0: rests on")


def test_the_zone_of_at_counts(decide: Decide) -> None:
    _, said = decide(alert(), at="2026-11-26T04:00+01:00")
    assert "Judged for 2026-11-26 03:00 UTC by policy.yml, as an alert of alertmanager; nothing was asked." in said


def test_alerts_of_several_services_are_several_incidents_and_the_one_for_people_counts(decide: Decide) -> None:
    again = alert(labels={"instance": "two"}, fingerprint="another")
    code, said = decide(alert(), again, alert("DiskFull", "db"), alert("Watchdog", ""))
    assert code == 14, said
    head = said.splitlines()[:4]
    assert head[0] == "3 incidents:"
    assert [line.split(":")[0].strip() for line in head[1:]] == [
        "ServiceDown on checkout",
        "DiskFull on db",
        "Watchdog on an unnamed service",
    ]
    found = as_json(decide, alert(), again)["incidents"]
    assert [len(incident["alerts"]) for incident in found] == [2]


def test_alerts_are_grouped_as_the_policy_groups_them(decide: Decide, policy: Json) -> None:
    policy["group_by"] = ["cluster"]
    one, other = (alert(service=name, labels={"cluster": "eu"}) for name in ("checkout", "search"))
    assert len(as_json(decide, one, other)["incidents"]) == 1


def test_what_fires_everywhere_at_once_has_one_cause(decide: Decide) -> None:
    found = as_json(decide, *(alert(service=name) for name in ("checkout", "search", "web", "shop")))
    first = found["incidents"][0]
    assert first["at_best"] == "ask"
    assert "4 incidents of the same kind began within" in first["headline"]


def test_without_a_runbook_people_are_called_for_certain(decide: Decide) -> None:
    code, said = decide(alert("DiskFull", "db"))
    assert code == 14, said
    assert said.startswith("DiskFull on db: does nothing itself, and calls people.\n")
    assert "No runbook matches this alert" in said
    assert "Called: sre-oncall." in said
    assert "? Pauses and freezes  Rests on the database and the plan." in said
    assert "- The other 24 rules judge a plan; there is none." in said


def test_an_alert_that_does_not_fill_its_runbook_is_for_people(decide: Decide, policy: Json) -> None:
    policy["runbooks"]["restart-checkout"]["with"]["service"] = "${alert.labels.unit}"
    [incident] = as_json(decide, alert())["incidents"]
    assert (incident["outcome"], incident["certain"]) == ("observe", True)
    assert "alert.labels.unit" in incident["headline"]


def test_what_may_never_be_evaluated_is_told(decide: Decide, policy: Json) -> None:
    policy["runbooks"] = {"first": policy["runbooks"]["restart-checkout"] | {"when": "alert.labels['zone'] == 'a'"}}
    code, said = decide(alert())
    assert code == 14
    assert "Could not be evaluated: first (undetermined:" in said


@pytest.mark.parametrize(
    ("says", "code", "outcome"), [("ask", ASKED, "asks a person"), ("refuse", 15, "refuses, and calls people")]
)
def test_a_forbidden_effect_never_happens_by_itself(
    decide: Decide, policy: Json, says: str, code: int, outcome: str
) -> None:
    policy["forbidden_effects"] = says
    policy["runbooks"]["restart-checkout"]["effects"] = ["delete_customer_data"]
    ended, said = decide(alert())
    assert ended == code, said
    assert said.startswith(f"ServiceDown on checkout: {outcome}, as far as is known here.")
    assert "! Forbidden effects" in said
    assert "This plan would delete customer data" in said
    assert ("At least 2 people must approve." in said) == (says == "ask")


def test_what_a_remediation_cannot_say_it_does_not_do_is_expected_of_it(
    decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RestartService, "effects", None)
    [incident] = as_json(decide, alert())["incidents"]
    standing = {rule["rule"]: rule["standing"] for rule in incident["rules"]}
    assert (standing["forbidden_effects"], standing["billing"]) == ("objects", "objects")
    assert (incident["outcome"], incident["at_best"]) == ("ask", "ask")


def test_nothing_is_asked_of_a_database_that_is_not_there() -> None:
    for refused in (NoDatabase().begin, NoDatabase().read):
        with pytest.raises(RuntimeError, match="asked one"):
            refused()


def test_what_is_at_stake_by_the_alert_itself_is_known(decide: Decide) -> None:
    [incident] = as_json(decide, alert(labels={"billing": "yes", "security_severity": "high"}))["incidents"]
    standing = {rule["rule"]: rule["standing"] for rule in incident["rules"]}
    assert (standing["billing"], standing["security"], standing["data_integrity"]) == ("objects", "objects", "unknown")
    assert incident["at_best"] == "ask"


def test_confidence_that_can_never_suffice_is_told_without_what_stands_in(decide: Decide, policy: Json) -> None:
    del policy["runbooks"]["restart-checkout"]["evidence"]
    [incident] = as_json(decide, alert())["incidents"]
    assert incident["headline"] == (
        "Confidence is 40 % at best, below what the policy wants: no evidence is configured for this runbook."
    )


def test_what_is_muted_or_over_needs_nobody(decide: Decide) -> None:
    code, said = decide(alert("Watchdog", ""))
    assert code == 0, said
    assert "nothing is done, and nobody is called" in said
    assert "Muted by the policy: it always fires" in said
    code, said = decide(alert(status="resolved"))
    assert code == 0, said
    assert "Nothing fires in it" in said
    assert "Over already: 1 alert." in said


def test_an_alert_that_cannot_be_read_costs_the_others_nothing(decide: Decide) -> None:
    code, said = decide(alert(), alert(status="burning"))
    assert code == ASKED
    assert "Cannot be read, and would be set aside: alerts[1].status: 'burning' is not a status" in said


def test_what_an_alert_says_does_nothing_to_a_terminal(decide: Decide) -> None:
    _, said = decide(alert("Disk\x1b[31mFull\u202e\nand more", "db"))
    assert all(one.isprintable() for one in said.replace("\n", ""))
    assert "Full" in said


def test_names_of_metrics_become_no_pictures(decide: Decide, policy: Json) -> None:
    policy["runbooks"]["restart-checkout"]["evidence"] = {"hot": "job:fire:rate5m > 0"}
    _, said = decide(alert())
    assert "job:fire:rate5m > 0" in said
    [incident] = as_json(decide, alert())["incidents"]
    assert incident["queries"][0] == {"about": "hot", "query": "job:fire:rate5m > 0", "finding": "", "answer": ""}


@pytest.mark.parametrize("name", ['token=canary"and more', "input_value=canary, input_type=", 'password=canary\\"'])
def test_no_secret_is_told_and_the_form_stays_whole(decide: Decide, name: str) -> None:
    for form in ("json", "text"):
        code, said = decide(alert(name, "db"), options=("--format", form))
        assert code == 14
        assert "canary" not in said
        assert form == "text" or json.loads(said)["exit_code"] == 14


@pytest.mark.parametrize("seed", range(10))
def test_whatever_a_monitor_sends_ends_in_a_verdict_or_a_refusal(decide: Decide, seed: int) -> None:
    decide(alert())
    random = Random(seed)
    for _ in range(15):
        several = [alert(service=random.choice(["checkout", "search", "orders"])) for _ in range(random.randrange(3))]
        document = bodies.spoil(random, bodies.envelope([alert("MemoryLeak", "orders"), *several]))
        body = bodies.written(random, bodies.spoil(random, document))
        code, said = invoked("-", "--at", NIGHT, "--format", "json", given=body)
        assert code in (0, 2, *EXIT_CODES.values()), (body, said)
        assert code == 2 or json.loads(said)["exit_code"] == code, (body, said)


def test_standard_input_and_gzip_are_read(decide: Decide) -> None:
    decide(alert())
    for body in (
        webhook(alert()).encode(),
        gzip.compress(webhook(alert()).encode()),
        b"\xef\xbb\xbf" + webhook().encode(),
    ):
        code, said = invoked("-", "--at", NIGHT, "--source", "alertmanager", given=body)
        assert code in (0, ASKED), said


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{}", "the body is that of no monitor known here (alertmanager). alertmanager: version: None"),
        ("no webhook", "the body is not JSON"),
        ("", "the body is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("\udcff", "the body is not UTF-8 at byte 0"),
        ("\x1f\udc8b\x08", "cannot be used"),
        ('{"version": "4", "alerts": {}}', "alerts: {} is not a list"),
    ],
    ids=["empty object", "text", "nothing", "deep", "bytes", "half a gzip", "no list"],
)
def test_what_no_monitor_sends_is_refused_with_the_remedy(decide: Decide, body: str, told: str) -> None:
    decide(alert())
    code, said = invoked("-", given=body.encode(errors="surrogateescape"))
    assert code == 2, said
    assert told in said
    assert "--source: one of alertmanager" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--at", "2026-11-26T03:00"), "--at is '2026-11-26T03:00', which says no zone"),
        (
            ("--at", "tonight"),
            "--at is 'tonight', which is no time. Write a time with its zone, such as 2026-11-26T03:0",
        ),
        (("--at", "0001-01-01T00:00+14:00"), "which is no time"),
        (("--at", "9999-01-01T00:00Z"), "nothing can be judged for that year"),
        (("--source", "nagios"), "no monitor of that name is known here. It is one of: alertmanager."),
        (("--policy", "none.yml"), "The policy 'none.yml' cannot be read"),
        (("--policy", "."), "it is a directory"),
    ],
)
def test_what_is_mistyped_is_told_with_the_remedy(decide: Decide, options: tuple[str, ...], told: str) -> None:
    decide(alert())
    code, said = invoked("alert.json", *options)
    assert code == 2, said
    assert told in said


@pytest.mark.parametrize("file", [".", "none.json", "a\0b"])
def test_a_file_that_is_none_is_named(decide: Decide, file: str) -> None:
    decide(alert())
    code, said = invoked(file)
    assert code == 2, said
    assert "Name a file that holds what the monitor sends, or - for standard input." in said


def test_the_example_of_the_handbook_is_what_is_said(decide: Decide) -> None:
    code, said = decide(alert("ServiceDown", "search", "warning"))
    assert code == ASKED
    assert said in (ROOT / "docs" / "operating.md").read_text()


def test_the_help_and_the_handbook_have_every_exit_code() -> None:
    code, said = invoked("--help")
    handbook = (ROOT / "docs" / "operating.md").read_text()
    table = [line for line in handbook.splitlines() if line.startswith("| ")]
    assert code == 0
    for number in (*EXIT_CODES.values(), 1, 2):
        assert any(line.split()[:1] == [str(number)] for line in said.splitlines()), number
        assert any(line.startswith(f"| {number} |") for line in table), number
    assert "watchkeeper decide alert.json --at 2026-11-26T03:00Z" in said
    assert set(Outcome) == set(EXIT_CODES)
