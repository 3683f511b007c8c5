"""The PromQL of a policy: every query with its place, and whether it is PromQL at all.

What is written follows Prometheus 3; a server may be older or newer, or know more (experimental functions, or another
product's own), and its word counts. So a query that does not parse is refused where a policy is judged without asking
anybody, and never keeps a bot from starting that ran with it before: there, whoever it would inform is asked.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import promql_parser

from bot.policy.file.document import Policy
from bot.policy.file.problems import Trouble
from bot.policy.file.templates import names_in, substitute_query
from bot.policy.promql import parts_of
from bot.policy.situation import AlertFacts

EXAMPLE = "example"
"""What stands in a query where an alert would fill something in."""
LONGEST = 1000
"""Words and signs of a query; more could need more room than a thread has, and nobody could check it."""
_PANIC = "PanicException"
"""How the parser ends at a number that no clock has; its class cannot be imported, and is no ``Exception``."""
_NO_REASON = "invalid promql query"
"""What the parser says where it cannot say more."""
_NO_NUMBER = (promql_parser.MatrixSelector, promql_parser.SubqueryExpr, promql_parser.StringLiteral)

Path = tuple[str, ...]


def queries_of(policy: Policy) -> Iterator[tuple[Path, str]]:
    """Every query of the policy, with where it stands: ``("runbooks", "restart-checkout", "verify", "healthy")``."""
    for name, service in policy.services.items():
        if service.slo_burn is not None:
            yield ("services", name, "slo_burn"), service.slo_burn
    for name, runbook in policy.runbooks.items():
        for evidence, query in runbook.evidence.items():
            yield ("runbooks", name, "evidence", evidence), query
        if runbook.verify.healthy is not None:
            yield ("runbooks", name, "verify", "healthy"), runbook.verify.healthy
        staged = runbook.staging.verify if runbook.staging is not None else None
        if staged is not None and staged.healthy is not None:
            yield ("runbooks", name, "staging", "verify", "healthy"), staged.healthy


def filled_with_examples(query: str) -> str:
    """The query as an alert would have it asked, with an example for each of its values.

    Raises:
        TemplateError: what an alert fills in stands where it cannot be filled.
    """
    names = [name.split(".", 2) for name in names_in(query)]
    given = {kind: {name[2]: EXAMPLE for name in names if name[1] == kind} for kind in ("labels", "annotations")}
    example = AlertFacts(
        source=EXAMPLE,
        fingerprint=EXAMPLE,
        name=EXAMPLE,
        severity=EXAMPLE,
        service=EXAMPLE,
        labels=given["labels"],
        annotations=given["annotations"],
        starts_at=datetime(2000, 1, 1, tzinfo=UTC),
    )
    return substitute_query(query, example)


def query_troubles(policy: Policy) -> Iterator[Trouble]:
    """Every query in it that is not PromQL, or whose answer would be neither a number nor an instant vector."""
    for path, query in queries_of(policy):
        if found := _trouble(filled_with_examples(query)):
            yield Trouble(path, *found)


def and_queries(systems: Callable[[Policy], Iterator[Trouble]]) -> Callable[[Policy], Iterator[Trouble]]:
    """What ``systems`` say of a policy, and then what is wrong with its queries."""

    def troubles(policy: Policy) -> Iterator[Trouble]:
        yield from systems(policy)
        yield from query_troubles(policy)

    return troubles


def _trouble(query: str) -> tuple[str, str] | None:
    """What is wrong with it, and the remedy."""
    if parts_of(query) > LONGEST:
        told = f"the query has more than {LONGEST} words and signs, so it is not checked"
        return told, "make a recording rule of it in Prometheus, and ask for that"
    why = ""
    try:
        parsed = promql_parser.parse(query)
        while isinstance(parsed, promql_parser.ParenExpr):
            parsed = parsed.expr
        if isinstance(parsed, _NO_NUMBER):
            told = "the query gives neither a number nor an instant vector"
            return told, "wrap ranges in a function such as rate(), and compare what is asked with a number"
    except OverflowError:
        why = "a number in it is too large"
    except ValueError as error:
        why = str(error)
    except BaseException as error:  # what it raises at a panic is told from the rest by its name alone
        if type(error).__name__ != _PANIC:
            raise
        why = "a length of time in it is too long"
    if not why:
        return None
    shown = " ".join(query.split())
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    told = "the query is not PromQL: " + (shown if why == _NO_REASON else f"{why} ({shown})")
    return told, "correct it, and try it on the Query page of Prometheus; `watchkeeper doctor` asks your own Prometheus"
