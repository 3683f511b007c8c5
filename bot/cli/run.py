"""``watchkeeper run``: the bot itself."""

import asyncio
import logging
from importlib.metadata import version

from bot.cli.console import EXIT_PROBLEM, fail
from bot.cli.inputs import load_policy_file
from bot.logs import begin_log
from bot.settings import SettingsError, read_settings

log = logging.getLogger(__name__)


def run() -> None:
    """Run Watchkeeper: listen for alerts, decide, ask and act, until stopped.

    Everything it is told comes from the environment: SLACK_BOT_TOKEN, SLACK_APP_TOKEN (Socket Mode) or
    SLACK_SIGNING_SECRET (HTTP mode), WATCHKEEPER_AUDIT_KEY, WATCHKEEPER_POLICY (default policy.yml), PROMETHEUS_URL,
    WATCHKEEPER_LISTEN (default 127.0.0.1:8080), WATCHKEEPER_ALERT_TOKEN, DATABASE_URL (default SQLite,
    watchkeeper.db). Each may be given as NAME_FILE, naming a file that holds the value.

    Point Alertmanager's webhook at http://ADDRESS/alerts/alertmanager with the token as bearer credential. Stop with
    Ctrl-C or SIGTERM: what is under way is finished or continues at the next start.

    [bold]Examples[/bold]

    watchkeeper run
    WATCHKEEPER_POLICY=policy.yml watchkeeper run
    """
    begin_log()
    try:
        settings = read_settings()
    except SettingsError as error:
        fail(str(error))
    log.info("starting Watchkeeper %s", version("watchkeeper"))
    from bot.app import serve
    from bot.composition.start_error import StartError
    from bot.policy.file.queries import query_troubles

    policy = load_policy_file(settings.policy_path)
    for trouble in query_troubles(policy):  # Prometheus has the last word; until it answers one, people are asked
        log.warning("%s: %s; %s", ".".join(map(str, trouble.path)), trouble.message, trouble.remedy)
    try:
        asyncio.run(serve(settings, policy))
    except StartError as error:
        fail(str(error), EXIT_PROBLEM)
