"""The set-ups of the handbook: one that is sound, and those in which something is broken, each under its name there."""

import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from bot.local.ports import free_port
from storage.migrations import HISTORY
from tests.scenarios.broken_set_ups import deactivated, outside_the_channel, set_variable
from tests.scenarios.set_up import SetUp, Systems, begin_record, set_up

DATABASE_URL = "sqlite+aiosqlite:///watch.db"
"""As everything here, by a path from where the command is typed: what is printed names no folder of a machine."""
POLICY = """\
version: 1
channels: {incidents: C01INC, audit: C02AUD}
people:
  sre-oncall: {users: [U01ALICE, U02BOB]}
  leads: {users: [U03CAROL]}
second_channel:
  email:
    server: "smtp.example.com:587"
    from: watchkeeper@example.com
    to: [alice@example.com]
    username: watchkeeper
    password_env: TEST_MAIL_PASSWORD
  links: {base_url: "https://watchkeeper.example.com"}
backends:
  supervisor:
    server: "http://127.0.0.1:9001"
    username: operator
    password_file: supervisor-password
    staging: ["*-staging"]
defaults:
  approvals: {from: [sre-oncall], escalation: [leads]}
budgets:
  - {scope: all, actions: 20, per: 1h}
gates: {sign_off: [leads]}
runbooks:
  restart-checkout:
    summary: Restart checkout when it stopped answering
    when: alert.name == 'ServiceDown' && alert.service == 'checkout'
    level: L1
    remediation: restart_service
    with: {backend: supervisor, service: checkout}
    blast_radius: {targets: 1}
    evidence:
      still_down: up{service='checkout'} == 0
    verify: {within: 2m, healthy: "up{service='checkout'} == 1"}
    staging: {with: {service: checkout-staging}, alert: {service: checkout-staging}, inject: kill}
    authors: [U02BOB]
"""
ALERT = {
    "version": "4",
    "groupKey": '{}:{alertname="ServiceDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "watchkeeper",
    "groupLabels": {},
    "commonLabels": {},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.com",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ServiceDown", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "checkout does not answer"},
            "startsAt": "2026-11-26T03:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com/graph",
            "fingerprint": "f1",
        }
    ],
}
GRAFANA = {"version": "1", "alerts": [], "orgId": 1, "title": "[FIRING:1] checkout does not answer"}
Change = Callable[[SetUp], object]


def nothing(_here: SetUp) -> None:
    """It is sound."""


def written(old: str, new: str) -> Change:
    """The policy with something else in one place."""

    def change(here: SetUp) -> None:
        file = here.folder / "policy.yml"
        text = file.read_text()
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new))

    return change


def without_password_file(here: SetUp) -> None:
    (here.folder / "supervisor-password").unlink()


def supervisord_away(here: SetUp) -> None:
    written(here.policy["backends"]["supervisor"]["server"], f"http://127.0.0.1:{free_port()}")(here)


def prometheus_away(here: SetUp) -> None:
    here.environment["PROMETHEUS_URL"] = f"http://127.0.0.1:{free_port()}"


def newer_tables(here: SetUp) -> None:
    with closing(sqlite3.connect(here.folder / "watch.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE {HISTORY} SET version_num = '9999'")  # noqa: S608 - our own word


def of_grafana(here: SetUp) -> None:
    (here.folder / "alert.json").write_text(json.dumps(GRAFANA))


def all_of(*changes: Change) -> Change:
    def change(here: SetUp) -> None:
        for each in changes:
            each(here)

    return change


wrong_key = set_variable("WATCHKEEPER_AUDIT_KEY", "canary-key-of-another-database")
wrong_token = set_variable("SLACK_BOT_TOKEN", "xoxb-canary-wrong")
no_promql = written("up{service='checkout'} == 0", "sum(up{service='checkout'} == 0")

SOUND = ("All is well", "Nothing is broken")
TWELVE: Mapping[str, Change] = {
    "A misspelt key": written("blast_radius:", "blast_raduis:"),
    "A setting that a backend needs": written("    username: operator\n", ""),
    "A query that is not PromQL": no_promql,
    "A password that is not where the policy says": without_password_file,
    "A token that Slack does not know": wrong_token,
    "A bot that nobody invited": outside_the_channel,
    "An approver who has left": deactivated,
    "A Prometheus that is away": prometheus_away,
    "A supervisord that is away": supervisord_away,
    "A database of a newer release": newer_tables,
    "The key of another database": wrong_key,
    "An alert that no monitor sends": of_grafana,
}
SET_UPS: Mapping[str, Change] = {
    **dict.fromkeys(SOUND, nothing),
    "Three things at once": all_of(outside_the_channel, prometheus_away, supervisord_away),
    "A wrong key and a wrong token": all_of(wrong_key, wrong_token),
    **TWELVE,
}


@asynccontextmanager
async def handbook_set_up(name: str, folder: Path, systems: Systems, template: Path) -> AsyncIterator[SetUp]:
    """The set-up of this name, in ``folder``; ``template`` is a database with all tables."""
    shutil.copy(template, folder / "watch.db")
    await begin_record(f"sqlite+aiosqlite:///{folder / 'watch.db'}")
    async with set_up(folder, DATABASE_URL, systems) as here:
        here.policy["backends"]["supervisor"]["server"] = systems.supervisord_http
        (folder / "policy.yml").write_text(POLICY)
        written("http://127.0.0.1:9001", systems.supervisord_http)(here)
        (folder / "alert.json").write_text(json.dumps(ALERT))
        SET_UPS[name](here)
        yield here
