"""``watchkeeper pause`` and ``resume``, as another process than the one that runs."""

import asyncio
from datetime import timedelta

import pytest

from bot.cli.offline import operator
from tests.cli.shell import Shell

POLICY = """
version: 1
channels: {incidents: C01INC}
people: {sre-oncall: {users: [U01ALICE, U02BOB]}}
defaults: {approvals: {from: [sre-oncall]}}
backends: {supervisor: {server: "http://127.0.0.1:9/RPC2"}}
services: {checkout: {owner: platform, tier: 2}}
runbooks:
  restart-checkout:
    summary: Restart checkout
    when: alert.name == 'ServiceDown'
    level: L1
    remediation: restart_service
    with: {backend: supervisor, service: checkout}
    verify: {within: 1m, http: "http://127.0.0.1:9/healthz"}
"""


async def test_everything_is_paused_and_resumed_on_the_record(shell: Shell) -> None:
    code, said = await shell.run("pause", "--for", "2h", "--reason", "disk swap")
    assert code == 0, said
    assert "Paused: everything, for 2h." in said
    (pause,) = await shell.paused()
    assert (pause.by, pause.reason) == (operator(), "disk swap")
    assert pause.until is not None
    assert pause.until - pause.since == timedelta(hours=2)
    code, said = await shell.run("resume")
    assert code == 0, said
    assert await shell.paused() == ()
    assert await shell.record() == [
        ("automation.paused", operator()),
        ("automation.resumed", operator()),
    ]


async def test_one_service_is_paused_until_somebody_resumes_exactly_that(shell: Shell) -> None:
    assert (await shell.run("pause", "service:checkout"))[0] == 0
    code, said = await shell.run("resume")
    assert code == 1
    assert "Paused now: service checkout" in said
    assert "everything was not paused" in said
    assert len(await shell.paused()) == 1
    assert (await shell.run("resume", "service:checkout"))[0] == 0
    assert await shell.paused() == ()


async def test_a_pause_file_is_named_and_only_its_removal_ends_it(shell: Shell) -> None:
    await asyncio.to_thread((shell.folder / "watchkeeper.pause").write_text, "rack 4 burns")
    code, said = await shell.run("resume")
    assert code == 1
    assert "watchkeeper.pause@" in said
    assert "rack 4 burns" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pause", "checkout"], "“checkout” is not a scope"),
        (["pause", "planet:mars"], "is not a scope"),
        (["pause", "--for", "soon"], "is not a duration"),
        (["resume", "service:"], "names no service"),
    ],
)
async def test_what_cannot_be_understood_changes_nothing(shell: Shell, words: list[str], told: str) -> None:
    code, said = await shell.run(*words)
    assert code == 2
    assert told in said
    assert await shell.record() == []


@pytest.mark.parametrize(
    ("scope", "refused"),
    [
        ("service:chekout", "I know no service “chekout”, so nothing was paused. Did you mean `service:checkout`?"),
        ("runbook:restart-chekout", "Did you mean `runbook:restart-checkout`?"),
        ("runbook:mars", "I know: restart-checkout."),
    ],
)
async def test_a_name_nobody_knows_is_refused_and_paused_anyway_on_request(
    shell: Shell, scope: str, refused: str
) -> None:
    await asyncio.to_thread((shell.folder / "policy.yml").write_text, POLICY)
    code, said = await shell.run("pause", scope)
    assert code == 2
    assert refused in said
    assert "Add --anyway to pause it all the same." in said
    assert await shell.paused() == ()
    code, said = await shell.run("pause", scope, "--anyway")
    assert code == 0, said
    assert len(await shell.paused()) == 1


@pytest.mark.parametrize(
    "scope", ["service:checkout", "runbook:restart-checkout", "target:supervisor:mars", "everything"]
)
async def test_what_is_known_or_cannot_be_asked_is_paused_at_once(shell: Shell, scope: str) -> None:
    await asyncio.to_thread((shell.folder / "policy.yml").write_text, POLICY)
    code, said = await shell.run("pause", scope)
    assert code == 0, said
    assert len(await shell.paused()) == 1


@pytest.mark.parametrize(
    "words", [["—for", "2h"], ["“everything”", "2h"], ["everything", "for", "2h"], ["--for", "2h"], ["--for=2h"]]
)
async def test_dashes_and_quotes_of_any_kind_are_read_as_what_was_meant(shell: Shell, words: list[str]) -> None:
    code, said = await shell.run("pause", *words)
    assert code == 0, said
    assert "Paused: everything, for 2h." in said


@pytest.mark.parametrize("words", [["chekout", "--for", "2h"], ["chekout", "for", "2h"], ["2h", "chekout"]])
async def test_a_mistyped_name_never_pauses_everything(shell: Shell, words: list[str]) -> None:
    await asyncio.to_thread((shell.folder / "policy.yml").write_text, POLICY)
    code, said = await shell.run("pause", *words)
    assert code == 2
    assert "Did you mean `service:checkout`?" in said
    assert await shell.paused() == ()


@pytest.mark.parametrize("policy", [None, "version: [", "version: 1", "\u0000"])
async def test_without_a_readable_policy_any_name_can_be_paused(shell: Shell, policy: str | None) -> None:
    if policy is not None:
        await asyncio.to_thread((shell.folder / "policy.yml").write_text, policy)
    code, said = await shell.run("pause", "service:anything")
    assert code == 0, said
    assert "Warning" not in said
    assert len(await shell.paused()) == 1


async def test_a_long_reason_is_shortened_and_paused_for(shell: Shell) -> None:
    code, said = await shell.run("pause", "--reason", "blah " * 300)
    assert code == 0, said
    assert "The reason was shortened to 1000 characters." in said
    (pause,) = await shell.paused()
    assert len(pause.reason) == 1000


async def test_a_mistyped_database_is_not_made_and_the_file_is_offered_instead(shell: Shell) -> None:
    shell.url = shell.url.replace("watch.db", "wacth.db")
    code, said = await shell.run("pause")
    assert code == 1
    assert "There is no database" in said
    assert "watchkeeper.pause pauses everything" in " ".join(said.split())
    assert not await asyncio.to_thread((shell.folder / "wacth.db").exists)


async def test_another_audit_key_cannot_move_the_brake(shell: Shell) -> None:
    assert (await shell.run("pause"))[0] == 0
    shell.key = "some other key of good length"
    code, said = await shell.run("resume")
    assert code == 1
    assert "begun with" in " ".join(said.split())
    assert len(await shell.paused()) == 1
