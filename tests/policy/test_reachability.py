"""The policy's second channel: who is written to, and every way to write it down wrong."""

from datetime import timedelta

import pytest

from bot.policy.file.document import Policy
from bot.policy.file.loading import check_policy, load_policy
from bot.policy.file.problems import Weight

POLICY_FILE = """\
version: 1
channels: {incidents: C01INC}
people:
  sre: {users: [U01ALICE], email: [alice@example.com, night@example.com]}
  leads: {users: [U03CAROL]}
defaults:
  approvals: {from: [sre]}
"""
MAIL = "email: {server: 'smtp.example.com:587', from: watch@example.com, to: [sre]}"


def with_channel(*lines: str) -> str:
    return POLICY_FILE + "second_channel:\n" + "".join(f"  {line}\n" for line in lines)


def problems(text: str, weight: Weight = Weight.ERROR) -> list[tuple[int, str, str]]:
    found = check_policy(text).problems
    return [(one.line, one.message, one.remedy) for one in found if one.severity is weight]


def loaded(*lines: str) -> Policy:
    return load_policy(with_channel(*lines), filename="policy.yml")


def test_groups_become_addresses_and_nobody_is_written_to_twice() -> None:
    to = "email: {server: 'smtp.example.com:587', from: w@example.com, to: [lead@example.com, sre, alice@example.com]}"
    assert loaded(to).mail_recipients() == ("lead@example.com", "alice@example.com", "night@example.com")


def test_without_a_second_channel_nobody_is_written_to() -> None:
    assert load_policy(POLICY_FILE, filename="policy.yml").mail_recipients() == ()


def test_an_announcement_has_time_for_slack_and_then_for_the_second_channel() -> None:
    alone = load_policy(POLICY_FILE, filename="policy.yml")
    assert alone.announce_within == timedelta(seconds=30)
    assert loaded("after: 45s", MAIL).announce_within == timedelta(seconds=75)


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        (["after: 30s"], 9, "the second channel reaches nobody"),
        (["after: 2h", MAIL], 9, "less than or equal to"),
        ([MAIL.replace(":587", "")], 9, "is not a server"),
        ([MAIL.replace("587", "99999")], 9, "is not a server"),
        ([MAIL.replace("watch@", "Watch <watch@")], 9, "is not an e-mail address"),
        ([MAIL.replace("[sre]", "[]")], 9, "at least 1 item"),
        ([MAIL.replace("[sre]", "[ops]")], 9, "there is no address or group of people 'ops'"),
        ([MAIL.replace("[sre]", "[leads]")], 9, "group 'leads' has no address to write to"),
        ([MAIL.replace("to:", "username: watch, to:")], 9, "a username but no password"),
        ([MAIL.replace("to:", "password_env: X, to:")], 9, "a password but nobody it belongs to"),
        ([MAIL.replace("to:", "username: w, password_env: X, password_file: y, to:")], 9, "named twice"),
        ([MAIL.replace("to:", "username: w, password_env: X, security: none, to:")], 9, "cross the network"),
        ([MAIL.replace("to:", "password: hunter2, to:")], 9, "unknown key 'password'"),
        (["pagerduty: {}"], 9, "there is no routing key"),
        (["pagerduty: {routing_key_env: K, url: 'http://events.example.com'}"], 9, "is not encrypted"),
        (["apprise: [{name: teams}]"], 9, "there is no URL"),
        (["apprise: [{name: a, url_env: A}, {name: a, url_env: B}]"], 9, "the same name"),
        ([MAIL.replace("watch@example.com", "nobody")], 9, "is not an e-mail address"),
        ([MAIL, "links: {base_url: 'http://watch.example.com'}"], 10, "is not encrypted"),
        ([MAIL, "links: {base_url: 'http://[watch'}"], 10, "is not a web address"),
        ([MAIL, "links: {base_url: 'https://watch.example.com/?a=1'}"], 10, "is not a web address"),
        ([MAIL, "links: {base_url: 'https://watch.example.com', valid_for: 0s}"], 10, "greater than"),
    ],
)
def test_what_cannot_work_is_found_where_it_is_written(lines: list[str], line: int, told: str) -> None:
    found = problems(with_channel(*lines))
    assert [(one[0], told in one[1]) for one in found] == [(line, True)], found
    assert found[0][2], "every error has a remedy"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_server_on_this_machine_may_be_spoken_to_in_the_clear(host: str) -> None:
    mail = MAIL.replace("smtp.example.com:587", f"{host}:25")
    assert loaded(mail.replace("to:", "username: w, password_env: X, security: none, to:")).second_channel is not None


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [("smtp.example.com:587", "smtp.example.com", 587), ("[2001:db8::7]:25", "2001:db8::7", 25)],
)
def test_a_mail_server_is_a_host_and_a_port(server: str, host: str, port: int) -> None:
    channel = loaded(MAIL.replace("smtp.example.com:587", server)).second_channel
    assert channel is not None
    assert channel.email is not None
    assert (channel.email.host, channel.email.port) == (host, port)


def test_pagerduty_needs_only_the_name_of_its_key() -> None:
    channel = loaded("pagerduty: {routing_key_env: PAGERDUTY_KEY}").second_channel
    assert channel is not None
    assert channel.pagerduty is not None
    assert channel.pagerduty.url == "https://events.pagerduty.com/v2/enqueue"


def test_messages_without_links_are_allowed_but_worth_a_warning() -> None:
    assert any("cannot offer to stop" in one[1] for one in problems(with_channel(MAIL), Weight.WARNING))
    linked = with_channel(MAIL, "links: {base_url: 'https://watch.example.com/wk/'}")
    assert not any("cannot offer" in one[1] for one in problems(linked, Weight.WARNING))
    channel = load_policy(linked, filename="policy.yml").second_channel
    assert channel is not None
    assert channel.links is not None
    assert channel.links.base_url == "https://watch.example.com/wk"
