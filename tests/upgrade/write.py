"""Writes down what a landed version leaves behind, for later versions to start from.

A release makes the next one: with its code checked out, ``python -m tests.upgrade.write landed-NNNN``, and the new
folder below ``stored`` is committed. Folders that are there stay as they are: they are what people's databases hold.

The version's own bot is run, in three lives. In the first, a person acts by hand and the review becomes overdue. In the
second, everything that waits is made to wait, people say no, and an alert cannot be read. In the third Slack and
Prometheus fail, and the bot is killed while an action is half-way, while another one is being rolled back, and after a
click was acknowledged and before it was begun. Deadlines are a hundred years, and the story is set in the past, so that
whoever reads finds everything still waiting, and nothing that is yet to come.
"""

import asyncio
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.local.demo.memory import keep
from bot.local.demo.team import demo_team
from bot.local.workspace import Workspace
from bot.policy.file.loading import load_policy
from bot.policy.levels import Level
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import Gate, GatePass
from bot.policy.track_record import PastCase
from remediations.infrastructure.restart_service import RestartService
from storage.database import Database
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.servers import free_port
from tests.fixtures.start_service import StartService
from tests.scenarios.stage import ROOT, said
from tests.upgrade.landed import AUDIT_KEY, STORED, filled
from tests.upgrade.surroundings import BEFORE, DOWN, HANGING, INCIDENTS, REPAIRED, Surroundings, alert, surroundings

HANG_SECONDS = 15
"""How long a service that hangs is being stopped: longer than the rest of the story takes."""
PLACEHOLDERS = {"supervisor": "unix:///run/supervisor.sock", "mail": "127.0.0.1:25"}
OVERDUE_AT_ONCE, A_HUNDRED_YEARS = "1s", "36500d"
THEN = datetime(2025, 1, 6, 3, 0, tzinfo=UTC)
"""When the story begins."""
SLACK_CALLS = ("chat.postMessage", "chat.update", "conversations.history", "conversations.replies")
HOLD_SECONDS = 60.0
SWEEP_WITHIN_SECONDS = 90.0
"""Overdue reviews are looked for every half minute."""


def runbook(service: str, level: str = "L1", **changes: Any) -> dict[str, Any]:
    """Restart the service when it is down."""
    return {
        "summary": f"Restart {service} when it stopped answering",
        "when": f"alert.name == 'ServiceDown' && alert.service == '{service}'",
        "level": level,
        "authors": ["U02BOB"],
        "remediation": "restart_service",
        "with": {"backend": "supervisor", "service": service},
        "blast_radius": {"targets": 1},
        "evidence": {"monitored": "vector(1) == 1"},
        "verify": {"within": "30s", "healthy": "vector(1) == 1", "stable": 1},
        "staging": {"with": {"service": f"{service}-staging"}, "inject": "kill"},
        **changes,
    }


def approvals(needed: int) -> dict[str, Any]:
    """Alice and Bob are asked, and nobody has to hurry."""
    return {
        "from": ["sre-oncall"],
        "needed": needed,
        "approve_within": A_HUNDRED_YEARS,
        "execute_within": A_HUNDRED_YEARS,
    }


def policy(review_within: str) -> dict[str, Any]:
    """What the bot is told."""
    services = (*BEFORE, HANGING, REPAIRED, *DOWN)
    return {
        "version": 1,
        "channels": {"incidents": INCIDENTS, "own_channel": {"severities": ["page"], "invite": ["sre-oncall"]}},
        "people": {
            "sre-oncall": {"users": ["U01ALICE", "U02BOB"]},
            "leads": {"users": ["U03CAROL"], "email": ["carol@harbour.example"]},
        },
        "backends": {"supervisor": {"server": PLACEHOLDERS["supervisor"], "staging": ["*-staging"]}},
        "defaults": {
            "approvals": approvals(needed=1),
            "announce_within": A_HUNDRED_YEARS,
            "review_within": review_within,
            "watch_after": "1s",
        },
        "services": {service: {"tier": 2, "fleet": 1} for service in services},
        "budgets": [{"scope": "all", "actions": 100, "per": "1h"}],
        "storm": {"after": 1, "within": "1h"},
        "common_cause": {"incidents": 1000},  # many fail together in this story, each for a reason of its own
        "second_channel": {
            "after": "1s",
            "email": {
                "server": PLACEHOLDERS["mail"],
                "security": "none",
                "from": "watch@harbour.example",
                "to": ["leads"],
            },
        },
        "runbooks": {
            "restart-catalogue": runbook("catalogue"),
            "restart-mail": runbook("mail", remediation=StartService.name),
            "restart-invoices": runbook(
                "invoices",
                remediation=StartService.name,
                verify={"within": "500ms", "healthy": "vector(0) == 1", "stable": 1},
            ),
            "restart-orders": runbook("orders"),
            "restart-checkout": runbook("checkout", approvals=approvals(needed=2)),
            "restart-payments": runbook("payments", "L3", veto_window=A_HUNDRED_YEARS),
            "restart-search": runbook("search", "L3", veto_window="1s"),
            "restart-reports": runbook("reports", "L3", veto_window=A_HUNDRED_YEARS),
            "restart-cart": runbook("cart"),
            "restart-ledger": runbook("ledger"),
            "restart-basket": runbook("basket"),
            "restart-workers": runbook("workers", when="alert.name == 'QueueStuck'")
            | {"with": {"backend": "supervisor", "service": "${alert.labels.service}"}},
        },
    }


class Prometheuses(list[subprocess.Popen[bytes]]):
    """The one that was started, so that it can be frozen."""

    def started(self, process: subprocess.Popen[bytes], _log: Path) -> None:
        self.append(process)

    def freeze(self) -> None:
        """It takes connections and answers nothing; whoever stops it thaws it first."""
        for process in self:
            process.send_signal(signal.SIGSTOP)


async def license_what_acts_by_itself(here: Surroundings) -> None:
    """Gate rows with their seal; good until nobody reads this any more."""
    database = Database(f"sqlite+aiosqlite:///{here.database}", RecordingEnqueuer(), AUDIT_KEY)
    until = datetime(2125, 1, 1, tzinfo=UTC)
    try:
        async with database.begin() as work:
            policy = load_policy(here.policy.read_text(), filename="policy.yml")
            for name, entry in policy.runbooks.items():
                seal = seal_of(policy, name, RestartService.version)
                sealed = {"digest": entry.digest, "passed_at": THEN, "until": until, "seal": digest_of_seal(seal)}
                await work.licences.keep_report(name, entry.digest, {"gates": []}, THEN)
                tried = {"key": f"gates:{name}:1", "alert": "ServiceDown", "ending": "verified", "digest": entry.digest}
                await work.licences.add_cases(name, [PastCase.model_validate({**tried, "at": THEN, "staging": True})])
                for gate in Gate if entry.level >= Level.L3 else ():
                    by = "U03CAROL" if gate is Gate.HUMAN_SIGN_OFF else ""
                    await work.licences.pass_gate(
                        name, GatePass.model_validate({**sealed, "gate": gate, "by": by}), seal
                    )
    finally:
        await database.close()


async def something_succeeds_and_nobody_reviews_it(here: Surroundings) -> None:
    """The first life: catalogue, restarted by hand while it is paused."""
    await pause(here, "catalogue")
    await here.post(alert("catalogue"))
    await here.until_state("catalogue", "held")
    await here.until(lambda: here.incident("catalogue")["thread_ts"], "the card of catalogue is there")
    await here.fill_in(
        "alice", here.card("catalogue"), "override", choice="restart-catalogue", reason="People are waiting for it."
    )
    await here.until_state("catalogue", "succeeded")
    await here.workspace.person("alice").slash("/watch", "resume service:catalogue")
    await here.until(lambda: here.rows("SELECT * FROM pauses WHERE ended_at IS NOT NULL"), "catalogue goes on")
    await here.post(alert("catalogue", status="resolved", endsAt="2025-01-06T03:01:00Z"))
    await here.until(lambda: here.incident("catalogue")["state"] == "resolved", "catalogue is resolved")
    demoted = "its overdue review has demoted its runbook"
    await here.until(lambda: here.rows("SELECT * FROM demotions"), demoted, SWEEP_WITHIN_SECONDS)


async def pause(here: Surroundings, service: str) -> None:
    """Carol says that nothing acts by itself here."""
    await here.workspace.person("carol").slash("/watch", f"pause service:{service} it is being moved")
    paused = "SELECT * FROM pauses WHERE scope_name = ?"
    await here.until(lambda: here.rows(paused, service), f"{service} is paused")


async def everything_waits(here: Surroundings) -> None:
    """The second life."""
    here.workspace.misbehave.fail("conversations.create", times=None)
    await here.post(alert("mail"))
    await here.approve("alice", "mail")
    await here.until_state("mail", "succeeded")

    await here.post(alert("checkout"))
    await here.until_asked("checkout")
    evidence = await here.dialog("alice", here.card("checkout"), "why")
    await here.until(lambda: here.rows("SELECT * FROM evidence_views"), "Alice has seen the evidence")
    await here.workspace.person("alice").close(evidence)
    await here.approve("alice", "checkout")
    await here.until(
        lambda: here.rows("SELECT * FROM votes WHERE action_id = ?", here.action("checkout")["id"]),
        "one of two has approved",
    )

    await here.post(alert("payments"))
    await here.until_state("payments", "veto_window")

    await here.post(alert("reports"), truncatedAlerts=2)
    await here.until_state("reports", "veto_window")
    await here.click("bob", here.card("reports"), "stop")
    await here.until_state("reports", "stopped")
    await here.fill_in(
        "alice", here.card("reports"), "override", choice="nothing", reason="The numbers are being checked by hand."
    )
    await here.until(lambda: here.incident("reports")["refused_by"], "reports are left alone")

    await here.workspace.person("bob").slash("/watch", "run restart-ledger because the books must close")
    await here.until_state("ledger", "waiting")

    await here.post(alert("worker-1", name="QueueStuck"))
    await here.until_state("worker-1", "waiting")
    await here.post(*(alert(f"worker-{number}", name="QueueStuck") for number in (2, 3)))
    for number in (2, 3):
        await here.until_state(f"worker-{number}", "waiting")

    await here.post(alert("gateway", name="CertificateExpired", severity="page"), {"status": "firing"})
    await here.until(lambda: here.rows("SELECT * FROM incident_channels WHERE error != ''"), "a channel is wanted")
    await here.post(alert("invoices"))
    await here.approve("alice", "invoices")
    await here.until_state("invoices", "rolled_back")
    await here.click("alice", here.card("invoices"), "take")
    await here.until(lambda: here.incident("invoices")["taken_at"], "invoices are Alice's")

    await pause(here, "cart")
    await here.post(alert("cart"))
    await here.until_state("cart", "held")

    await here.post(alert("mail", fingerprint="of another monitor", status="burning"))
    unreadable = "people are told of an alert that cannot be read"
    await here.until(lambda: here.rows("SELECT * FROM bulletins"), unreadable, SWEEP_WITHIN_SECONDS)

    await here.workspace.person("alice").open_home()
    await here.until(lambda: here.rows("SELECT * FROM home_tabs WHERE digest != ''"), "Alice sees her Home tab")
    await all_is_told(here)


async def all_is_told(here: Surroundings) -> None:
    """But for what waits for the channel that cannot be opened."""
    waiting = (
        "SELECT * FROM outbox WHERE state = 'queued' AND incident_id NOT IN (SELECT incident_id FROM incident_channels)"
    )
    await here.until(lambda: not here.rows(waiting), "everything is told")


async def everything_fails_at_once(
    here: Surroundings, bot: subprocess.Popen[bytes], prometheuses: Prometheuses
) -> None:
    """The third life, which ends in the middle of everything."""
    done = await here.until(lambda: mention(here, "mail", "roll_back"), "the end of mail's restart is told")
    await here.post(alert("orders"))
    await here.until(lambda: here.action("orders"), "orders is asked about")
    await all_is_told(here)
    await here.click("alice", done, "roll_back")
    await here.until(lambda: attempt(here, "mail", "roll_back") == "started", "mail is being rolled back")
    await here.approve("alice", "orders")
    await here.until(lambda: attempt(here, "orders", "execute") == "started", "orders is being restarted")
    await all_is_told(here)

    here.workspace.misbehave.lose_answer("chat.postMessage", hold=HOLD_SECONDS)
    for method in SLACK_CALLS:
        here.workspace.misbehave.fail(method, times=None)
    await here.post(alert("search"))
    await here.until(lambda: cards_posted(here, "search"), "Slack has taken search's card, and does not say so")
    await here.post(alert("refunds", name="RefundsSlow"))
    await here.until(lambda: here.rows("SELECT * FROM outbox WHERE error != ''"), "a card is refused")
    await here.until(lambda: here.rows("SELECT * FROM second_notices WHERE error != ''"), "a mail is refused")

    prometheuses.freeze()
    await here.post(alert("basket"))
    await here.until(lambda: not here.incident("basket")["consideration_wanted"], "basket is being considered")
    await here.post(alert("basket", fingerprint="basket again"))  # considering it again waits for the first time to end
    await here.workspace.person("bob").click(here.card("worker-1"), "take")
    code = await asyncio.to_thread(bot.wait)
    if code != -signal.SIGKILL:
        raise RuntimeError(f"the bot ended with {code}; it should have been killed over Bob's click")


def mention(here: Surroundings, service: str, button: str) -> Any:
    """The entry of the service's thread that offers this button."""
    thread = here.workspace.thread(INCIDENTS, here.incident(service)["thread_ts"])
    return next((entry for entry in thread if f"'action_id': '{button}'" in said(entry)), None)


def attempt(here: Surroundings, service: str, effect: str) -> str | None:
    """How far this effect is."""
    action = here.action(service)
    found = here.rows("SELECT state FROM attempts WHERE key = ?", f"{action['id']}:{effect}")
    return found[0]["state"] if found else None


def cards_posted(here: Surroundings, service: str) -> list[Any]:
    """What stands in the channel about it."""
    return [message for message in here.workspace.messages(INCIDENTS) if service in message.text]


async def write(target: Path) -> None:
    """Live the three lives, and write down what is left at ``target``."""
    prometheuses, behind = Prometheuses(), (datetime.now(UTC) - THEN).total_seconds()
    late = ("--behind", f"{behind}")
    workspace = Workspace(demo_team(), relaxed_limits=True, clock=lambda: time.time() - behind)
    down = (REPAIRED, *BEFORE, *DOWN)
    with TemporaryDirectory(prefix="watchkeeper-") as name:
        async with surroundings(
            Path(name), workspace, up=[HANGING], down=down, hang_seconds=HANG_SECONDS, started=prometheuses.started
        ) as here:
            mail = f"127.0.0.1:{free_port()}"  # where nobody listens
            tell(here, OVERDUE_AT_ONCE, mail)
            async with here.bot(*late):
                await something_succeeds_and_nobody_reviews_it(here)
            tell(here, A_HUNDRED_YEARS, mail)
            await license_what_acts_by_itself(here)  # the seal has the defaults in it, and they are others now
            async with here.bot(*late):
                await everything_waits(here)
            async with here.bot(*late, "--dies-on", "take") as bot:
                await everything_fails_at_once(here, bot, prometheuses)
            await remember(here)
            keep_for_good(here, target)


def tell(here: Surroundings, review_within: str, mail: str) -> None:
    """Write the policy file of the next life."""
    here.policy.write_text(filled(policy(review_within), supervisor=here.supervisord.http_server, mail=mail))


def keep_for_good(here: Surroundings, target: Path) -> None:
    """Write the folder that is committed."""
    texts = {
        "database.sql": dumped(here.database),
        "slack.json": said_in(here.memory),
        "policy.yml": filled(policy(A_HUNDRED_YEARS), **PLACEHOLDERS),
    }
    for name, text in texts.items():
        for place in (here.folder, ROOT):
            if str(place) in text:
                raise RuntimeError(f"{place} stands in {name}; nobody else has that folder")
    target.mkdir()
    for name, text in texts.items():
        (target / name).write_text(text)


async def remember(here: Surroundings) -> None:
    """Keep what Slack remembers at this moment."""
    keeping = asyncio.create_task(keep(here.workspace, here.memory))
    await asyncio.sleep(0)  # it begins, and what it does last is to write
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def dumped(database: Path) -> str:
    """The whole database as SQL, without the name of the machine it was written on."""
    with closing(sqlite3.connect(database)) as connection:
        text = "\n".join(connection.iterdump())
    text = re.sub(rf"\b{re.escape(socket.gethostname())}-(\d+-[0-9a-f]{{8}})", r"landed-\1", text)
    return f"{text}\n"


def said_in(file: Path) -> str:
    """What Slack remembers, a message on each line, without what only one person saw for a moment."""
    document = json.loads(file.read_text())
    document["ephemerals"] = {}
    for channel, messages in document["messages"].items():
        document["messages"][channel] = {ts: without_nothing(message) for ts, message in messages.items()}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r'(,|\{)("\d{10}\.\d{6}":\{"channel")', r"\1\n\2", text) + "\n"


def without_nothing(message: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that say nothing."""
    return {name: value for name, value in message.items() if value not in (None, False, [], {}, "")}


if __name__ == "__main__":
    if len(sys.argv) != 2 or (STORED / sys.argv[1]).exists():
        sys.exit("usage: python -m tests.upgrade.write landed-NNNN (a name that is not there yet)")
    asyncio.run(write(STORED / sys.argv[1]))
