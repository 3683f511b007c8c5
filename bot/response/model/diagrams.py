"""Draws the lifecycles for the docs from the tables that the program runs on: ``make diagrams``."""

from bot.response.model.actions import ACTION_LIFECYCLE
from bot.response.model.candidacies import CANDIDACY_LIFECYCLE
from bot.response.model.incidents import INCIDENT_LIFECYCLE

PAGE = """# Lifecycles

Generated from the tables in `bot/response/model/` by `make diagrams`; do not edit.
An arrow that is not drawn here cannot happen: every change of state is a conditional update over these tables.

## Incident

```mermaid
{incident}```

## Action

```mermaid
{action}```

## Candidacy

```mermaid
{candidacy}```
"""


def page() -> str:
    """The text of ``docs/lifecycles.md``."""
    return PAGE.format(
        incident=INCIDENT_LIFECYCLE.mermaid(),
        action=ACTION_LIFECYCLE.mermaid(),
        candidacy=CANDIDACY_LIFECYCLE.mermaid(),
    )


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this module's whole purpose is to print
