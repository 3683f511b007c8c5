"""Which incidents get a channel of their own is written in the policy, and checked like everything else in it."""

from datetime import timedelta

import pytest

from bot.policy.file.loading import check_policy, load_policy

FILE = """\
version: 1
channels:
  incidents: C01INC
  own_channel: {own}
people:
  sre: {users: [U01ALICE, U02BOB]}
  leads: {users: [U03CAROL]}
defaults:
  approvals: {from: [sre]}
"""


def written(own: str) -> str:
    return FILE.replace("{own}", own)


def test_without_it_every_incident_is_a_thread() -> None:
    policy = load_policy(written("").replace("  own_channel: \n", ""), filename="policy.yml")
    assert policy.channels.own_channel is None


def test_what_is_not_said_has_sensible_values() -> None:
    own = load_policy(written("{severities: [critical]}"), filename="policy.yml").channels.own_channel
    assert own is not None
    assert (own.name, own.invite, own.archive_after) == ("inc-{number}-{service}", (), timedelta(hours=24))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("{severities: []}", "should have at least 1 item"),
        ("{}", "'severities' is missing"),
        ("{severities: [critical], name: incident}", "would be the same for every incident"),
        ("{severities: [critical], name: 'inc-{number}-{team}'}", "{team} is not known in a channel's name"),
        ("{severities: [critical], name: 'Inc {number}'}", "cannot be a channel's name"),
        ("{severities: [critical], name: 'an-incident-of-our-own-which-is-{number}'}", "cannot be a channel's name"),
        ("{severities: [critical], archive_after: 1m}", "1m is out of bounds"),
        ("{severities: [critical], archive_after: 52w}", "52w is out of bounds"),
        ("{severities: [critical], invite: [sr]}", "there is no group of people 'sr'"),
        ("{severities: [critical], incidents: C01INC}", "unknown key 'incidents'"),
    ],
)
def test_what_cannot_work_is_an_error_at_its_line(own: str, message: str) -> None:
    (error,) = check_policy(written(own)).errors
    assert error.line == 4
    assert message in error.message
    assert error.remedy


def test_approvers_who_are_not_invited_are_a_surprise() -> None:
    findings = check_policy(written("{severities: [critical], invite: [leads]}"))
    (warning,) = [one for one in findings.warnings if "own_channel" in one.path]
    assert (warning.line, "not invited" in warning.message, "sre" in warning.message) == (4, True, True)
    invited = check_policy(written("{severities: [critical], invite: [sre]}"))
    assert not [one for one in invited.warnings if "own_channel" in one.path]
