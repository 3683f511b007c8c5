"""Set-ups in which one thing is broken, each with what is to be said of it."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.local.ports import free_port
from tests.scenarios.set_up import SetUp

LATE = """
import sys
from datetime import timedelta
from bot.doctor import examination
right = examination._utc_now
examination._utc_now = lambda: right() + timedelta(seconds=95)
from bot.cli.app import main
sys.argv[0] = "watchkeeper"
main()
"""
"""The command on a machine whose clock is 95 s fast."""


@dataclass(frozen=True)
class Broken:
    """One thing that is broken, and what is to be said of it."""

    what: str
    change: Callable[[SetUp], object]
    part: str
    told: str
    remedy: str
    grade: str = "broken"
    code: int = 1

    def __str__(self) -> str:
        return self.what


def set_variable(name: str, value: str) -> Callable[[SetUp], object]:
    return lambda here: here.environment.update({name: value})


def without_scope(here: SetUp) -> None:
    here.workspace.state.installation.scopes -= {"pins:write"}


def outside_the_channel(here: SetUp) -> None:
    here.workspace.team.channel("C01INC").members.remove("UWATCH")


def in_a_private_channel(here: SetUp) -> None:
    here.policy["channels"]["audit"] = "C99GONE"


def deactivated(here: SetUp) -> None:
    here.workspace.team.user("bob").deleted = True


def unknown_person(here: SetUp) -> None:
    here.policy["people"]["leads"]["users"].append("U99NOBODY")


def empty_group(here: SetUp) -> None:
    here.policy["people"]["sre-oncall"] = {"usergroup": "S01ONCALL"}
    here.workspace.team.groups["S01ONCALL"].members.clear()


def no_query(here: SetUp) -> None:
    here.policy["runbooks"]["restart-checkout"]["evidence"]["odd"] = "sum(up{service='${alert.labels.service}'}"


def a_range(here: SetUp) -> None:
    here.policy["runbooks"]["restart-checkout"]["verify"]["healthy"] = "up[5m]"


def backend_away(here: SetUp) -> None:
    here.policy["backends"]["supervisor"]["server"] = "unix:///none/supervisor.sock"


def refused_backend(here: SetUp) -> None:
    (here.folder / "supervisor-password").write_text("canary-wrong-password")


def without_credential(here: SetUp) -> None:
    here.policy["backends"]["supervisor"]["password_file"] = "/none/password"


def without_mail_password(here: SetUp) -> None:
    del here.environment["TEST_MAIL_PASSWORD"]


def mistaken_policy(here: SetUp) -> None:
    here.policy["runbooks"]["restart-checkout"]["remediation"] = "restart_servise"


def fast_clock(here: SetUp) -> None:
    here.command = ("-c", LATE)


def no_second_channel(here: SetUp) -> None:
    del here.policy["second_channel"]


CLOSED = free_port()
BROKEN = (
    Broken(
        "wrong bot token",
        set_variable("SLACK_BOT_TOKEN", "xoxb-canary-wrong"),
        "Slack bot token",
        "SLACK_BOT_TOKEN is refused by Slack (invalid_auth): Slack does not know it",
        "copy the bot token",
    ),
    Broken(
        "wrong app token",
        set_variable("SLACK_APP_TOKEN", "xapp-canary-wrong"),
        "Slack app token",
        "SLACK_APP_TOKEN is refused by Slack (invalid_auth)",
        "make an app-level token (xapp-...) with connections:write",
    ),
    Broken(
        "missing scope",
        without_scope,
        "Slack scopes",
        "not granted: pins:write",
        "add pins:write under OAuth & Permissions on the app's page at Slack, and install it again",
    ),
    Broken(
        "not in the channel",
        outside_the_channel,
        "channels",
        "channels.incidents C01INC: the bot is not in #incidents",
        "`/invite @watchkeeper` in #incidents",
    ),
    Broken(
        "no such channel",
        in_a_private_channel,
        "channels",
        "channels.audit C99GONE: Slack knows no such channel",
        "correct channels.audit in the policy, or `/invite @watchkeeper` there",
    ),
    Broken(
        "deactivated person",
        deactivated,
        "people",
        "people.sre-oncall: U02BOB (bob) is deactivated",
        "take U02BOB out of people.sre-oncall",
    ),
    Broken(
        "unknown person",
        unknown_person,
        "people",
        "people.leads: nobody in this workspace is U99NOBODY",
        "take U99NOBODY out of people.leads",
    ),
    Broken(
        "empty group",
        empty_group,
        "people",
        "people.sre-oncall is empty: nobody in it is active",
        "put active people into S01ONCALL",
    ),
    Broken(
        "Prometheus away",
        set_variable("PROMETHEUS_URL", f"http://127.0.0.1:{CLOSED}"),
        "Prometheus",
        "Prometheus is not reachable",
        f"correct PROMETHEUS_URL, which is http://127.0.0.1:{CLOSED}",
    ),
    Broken(
        "a query that is none",
        no_query,
        "queries",
        "runbooks.restart-checkout.evidence.odd: ",
        "correct it in the policy: sum(up{service='example'}",
    ),
    Broken(
        "a query that gives no number",
        a_range,
        "queries",
        "runbooks.restart-checkout.verify.healthy: the query gives neither a number nor an instant vector",
        "correct it in the policy: up[5m]",
    ),
    Broken(
        "backend away",
        backend_away,
        "backend supervisor",
        "supervisord at unix:///none/supervisor.sock cannot be reached (no such socket)",
        "start it, or correct `server` of the backend",
    ),
    Broken(
        "backend that refuses us",
        refused_backend,
        "backend supervisor",
        "refused our credentials (HTTP 401)",
        "`password_file` of the backend",
    ),
    Broken(
        "backend without its credential",
        without_credential,
        "backend supervisor",
        "Credential file /none/password cannot be read",
        "it must exist and be readable",
    ),
    Broken(
        "second channel without its credential",
        without_mail_password,
        "second channel",
        "Environment variable TEST_MAIL_PASSWORD is not set",
        "set it for the Watchkeeper process",
    ),
    Broken(
        "database away",
        set_variable("DATABASE_URL", f"postgresql+psycopg://watch:canary-pass@127.0.0.1:{CLOSED}/watch"),
        "database",
        f"the PostgreSQL server at 127.0.0.1:{CLOSED} does not let us in (Connection refused)",
        f"start it, or correct DATABASE_URL, which names 127.0.0.1:{CLOSED}",
    ),
    Broken(
        "folder of the database away",
        set_variable("DATABASE_URL", "sqlite+aiosqlite:////none/watch.db"),
        "database",
        "the SQLite database '/none/watch.db' cannot be opened, for its folder does not exist",
        "make /none, or name another in DATABASE_URL",
    ),
    Broken(
        "wrong audit key",
        set_variable("WATCHKEEPER_AUDIT_KEY", "canary-key-of-another-database"),
        "audit key",
        "the audit key does not fit",
        "the record itself is not broken",
    ),
    Broken(
        "policy with an error",
        mistaken_policy,
        "policy",
        "policy.yml has 1 error(s); the first is in line",
        "`watchkeeper check policy.yml` shows each",
    ),
    Broken(
        "no policy",
        set_variable("WATCHKEEPER_POLICY", "/none/policy.yml"),
        "policy",
        "The policy '/none/policy.yml' cannot be read: No such file or directory",
        "set WATCHKEEPER_POLICY",
        code=2,
    ),
    Broken(
        "a setting that is none",
        set_variable("WATCHKEEPER_LISTEN", "8080"),
        "settings",
        "WATCHKEEPER_LISTEN is '8080'",
        "write it as address:port",
        code=2,
    ),
    Broken("clock", fast_clock, "clock", "ours is 9", "set the clock of this machine"),
    Broken(
        "no second channel",
        no_second_channel,
        "second channel",
        "none: when Slack does not answer, nobody is told anything",
        "add `second_channel:` to the policy",
        grade="remark",
        code=0,
    ),
)
