"""Understands what people type after ``/watch``: words to a request, or an error with an example.

Must not know: whether the runbook, service or incident exists; that is asked where the request is carried out.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.policy.situation import Scope
from bot.response.interventions.requests import Wanted
from bot.response.model.incidents import incident_number
from handlers.slack.pause_words import EVERYTHING, Pause, WordsError, leading_scope, quoted, read_pause, words_of

REASON_MAX_CHARACTERS = 1000
NAME_COMPARED_CHARACTERS = 60
RUNBOOK_MAX_CHARACTERS = 200
VALUE_MAX_CHARACTERS = 200
PARAMETERS_MAX = 20
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_BECAUSE = re.compile(r"because(?:\s+|$)", re.IGNORECASE)
_PAIR = re.compile(r"""(?P<key>[A-Za-z_][\w.-]*)=(?:["“”](?P<quoted>[^"“”]*)["“”](?=\s|$)|(?P<bare>\S*))""", re.ASCII)


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """What is open."""


@dataclass(frozen=True, slots=True)
class Show:
    """One incident."""

    incident: int


@dataclass(frozen=True, slots=True)
class Why:
    """The reasons of one incident's present decision."""

    incident: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Let automation go on somewhere."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class RollBack:
    """Roll back what was done in one incident."""

    incident: int
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """Have a runbook considered now, for a reason of one's own."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Rehearse:
    """What a runbook would do now, without doing it."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Promote:
    """Where a runbook stands on its way up, and a run of its gates."""

    runbook: str


@dataclass(frozen=True, slots=True)
class Runbooks:
    """What may be done, and at which level."""


@dataclass(frozen=True, slots=True)
class Review:
    """Which actions still want a review, and whose."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The record: its latest entries, or those of one incident."""

    incident: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """The post-incident document of one incident, as a file in its thread."""

    incident: int


@dataclass(frozen=True, slots=True)
class Help:
    """How to use all this."""


Request = (
    Status
    | Incidents
    | Show
    | Why
    | Pause
    | Resume
    | RollBack
    | Run
    | Rehearse
    | Promote
    | Runbooks
    | Review
    | Audit
    | Report
    | Help
)


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One word after ``/watch``, as help shows it."""

    usage: str
    summary: str
    example: str
    read: Callable[[list[str]], Request]


def understand(text: str) -> Request:
    """The request in ``text``; nothing typed asks for help.

    Raises:
        WordsError: it is none; says what to type instead.
    """
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    words = text.split()
    if not words:
        return Help()
    name = words[0].lower()
    found = SUBCOMMANDS.get(name)
    if found is None:
        near = difflib.get_close_matches(name[:NAME_COMPARED_CHARACTERS], SUBCOMMANDS, n=1)
        hint = f"Did you mean `/watch {near[0]}`?" if near else f"There is: {', '.join(SUBCOMMANDS)}."
        raise WordsError(f"I do not know {quoted(words[0])}. {hint} `/watch help` explains each.")
    return found.read(words[1:])


def _incident(words: list[str], name: str) -> int:
    if not words:
        raise WordsError(f"Which incident? For example: `/watch {name} INC-1`. `/watch incidents` lists them.")
    number = incident_number(words[0])
    if number is None:
        raise WordsError(
            f"{quoted(words[0])} is not an incident's name. Write it as INC-1; `/watch incidents` lists them."
        )
    return number


def _resume(words: list[str]) -> Resume:
    if not words:
        return Resume(EVERYTHING)
    scope, rest = leading_scope(words_of(" ".join(words)))
    if scope is None or rest:
        raise WordsError(
            f"{quoted(' '.join(words))} is not a scope. For example: `/watch resume everything` or "
            "`/watch resume service:checkout`; `/watch status` lists what is paused."
        )
    return Resume(scope)


def _wanted(words: list[str], name: str) -> Wanted:
    """``<runbook> key=value ... [because reason]``; a value with spaces stands in double quotes."""
    example = f"For example: `/watch {SUBCOMMANDS[name].example}`."
    if not words:
        raise WordsError(f"Which runbook? {example} `/watch runbooks` lists them.")
    runbook, rest = words[0], " ".join(words[1:])
    if "=" in runbook:
        raise WordsError(f"The runbook's name comes first, then key=value. {example}")
    if len(runbook) > RUNBOOK_MAX_CHARACTERS:
        raise WordsError(f"{quoted(runbook)} is no runbook. `/watch runbooks` lists them.")
    given: dict[str, str] = {}
    while rest and (because := _BECAUSE.match(rest)) is None:
        pair = _PAIR.match(rest)
        if pair is None:
            word = rest.partition(" ")[0]
            raise WordsError(f"{quoted(word)} is not key=value; a reason begins with “because”. {example}")
        key, value = pair["key"], pair["quoted"] if pair["quoted"] is not None else pair["bare"]
        if key in given:
            raise WordsError(f"{quoted(key)} is given twice. {example}")
        if not 0 < len(value) <= VALUE_MAX_CHARACTERS:
            raise WordsError(
                f"{quoted(key)} needs a value of 1 to {VALUE_MAX_CHARACTERS} characters, with no space after the =. "
                f"{example}"
            )
        given[key] = value
        if len(given) > PARAMETERS_MAX:
            raise WordsError(f"More than {PARAMETERS_MAX} parameters are given. {example}")
        rest = rest[pair.end() :].lstrip()
    return Wanted(runbook, given, _reason(rest[because.end() :].split()) if rest and because else "")


def _promote(words: list[str]) -> Promote:
    example = f"For example: `/watch {SUBCOMMANDS['promote'].example}`. `/watch runbooks` lists them."
    if not words:
        raise WordsError(f"Which runbook? {example}")
    if len(words) > 1 or len(words[0]) > RUNBOOK_MAX_CHARACTERS:
        raise WordsError(f"One runbook at a time, and nothing else: no word passes a gate. {example}")
    return Promote(words[0])


def _reason(words: list[str]) -> str:
    reason = " ".join(words)
    if len(reason) > REASON_MAX_CHARACTERS:
        raise WordsError(
            f"The reason has {len(reason)} characters; please say it in at most {REASON_MAX_CHARACTERS}. "
            "Nothing was done."
        )
    return reason


def _alone(name: str, summary: str, request: Request) -> Subcommand:
    """A word that nothing follows."""

    def read(words: list[str]) -> Request:
        if words:
            raise WordsError(f"`/watch {name}` takes nothing more, but {quoted(' '.join(words))} followed.")
        return request

    return Subcommand(name, summary, name, read)


def _of_one(
    usage: str, summary: str, request: Callable[[int], Request], *, of_none: Request | None = None
) -> Subcommand:
    """A word that one incident follows, and nothing else; ``of_none``: what it asks for without one."""
    name = usage.partition(" ")[0]

    def read(words: list[str]) -> Request:
        if of_none is not None and not words:
            return of_none
        number = _incident(words, name)
        if len(words) > 1:
            raise WordsError(f"One incident at a time, please: `/watch {name} INC-{number}`.")
        return request(number)

    return Subcommand(usage, summary, f"{name} INC-1", read)


SUBCOMMANDS: dict[str, Subcommand] = {
    subcommand.usage.partition(" ")[0]: subcommand
    for subcommand in (
        _alone("status", "is automation paused, what is open, what waits for people", Status()),
        _alone("incidents", "what is open, newest first", Incidents()),
        _of_one("show <incident>", "one incident: alerts, plan, what people did", Show),
        _of_one("why <incident>", "every rule that was asked, and what settled it", Why),
        Subcommand(
            "pause [scope] [for] [duration] [reason]",
            "keep automation from acting; without a scope everything, without a duration until resumed",
            "pause service:checkout for 2h bad release",
            lambda words: read_pause(words_of(" ".join(words))),
        ),
        Subcommand("resume [scope]", "let automation act again", "resume service:checkout", _resume),
        Subcommand(
            "rollback <incident> [reason]",
            "roll back what was done",
            "rollback INC-1 it made things worse",
            lambda words: RollBack(_incident(words, "rollback"), _reason(words[1:])),
        ),
        Subcommand(
            "run <runbook> key=value ... [because reason]",
            "ask for a runbook; it is judged like an alert, and your own approval does not count",
            "run restart-checkout service=checkout because it hangs",
            lambda words: Run(_wanted(words, "run")),
        ),
        Subcommand(
            "rehearse <runbook> key=value ...",
            "what it would do and who would be asked, without doing it",
            "rehearse restart-checkout service=checkout",
            lambda words: Rehearse(_wanted(words, "rehearse")),
        ),
        Subcommand(
            "promote <runbook>",
            "where it stands on its way to acting alone; its gates are run on staging, and a person signs them off",
            "promote restart-checkout",
            _promote,
        ),
        _alone("runbooks", "what Watchkeeper may do, at which level, and why not higher", Runbooks()),
        _alone("review", "which actions still want a review, and whose", Review()),
        _of_one(
            "audit [incident]",
            "the latest entries of the record, of everything or of one incident",
            Audit,
            of_none=Audit(None),
        ),
        _of_one("report <incident>", "its post-incident document, as a file in its thread", Report),
        Subcommand("help", "this", "help", lambda words: Help()),
    )
}
"""In the order in which help lists them."""
