"""A budget: how much Watchkeeper may do in a time, or at once, and over what that is counted."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from bot.policy.file.fields import ACTIONS_MAX, AT_ONCE_MAX, Duration, Entry, Share


class BudgetScope(StrEnum):
    """Over what a budget counts."""

    ALL = "all"
    """Everything Watchkeeper does."""
    SERVICE = "service"
    """Each service for itself."""
    TIER = "tier"
    """All services of one tier together."""
    RUNBOOK = "runbook"
    """Each runbook for itself."""
    TARGET = "target"
    """Each target for itself: how long it is left in peace."""


SCOPES_WITH_A_FLEET = (BudgetScope.ALL, BudgetScope.SERVICE, BudgetScope.TIER)
"""Those of which it is known how many instances there are."""


class Budget(Entry):
    """One limit over all runbooks and replicas: so many actions, at once or in a time, or a share of the fleet."""

    scope: BudgetScope
    actions: Annotated[int, Field(ge=1, le=ACTIONS_MAX)] | None = None
    """At most so many actions ``per`` time, autonomous and approved."""
    concurrent: Annotated[int, Field(ge=1, le=AT_ONCE_MAX)] | None = None
    """At most so many actions under way at once."""
    share: Share | None = None
    """At most this share of the instances is touched ``per`` time."""
    per: Duration | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(limit is not None for limit in (self.actions, self.concurrent, self.share)) != 1:
            raise ValueError(
                "a budget needs exactly one of actions, concurrent and share; "
                "write {scope: all, actions: 20, per: 1h}, {scope: tier, concurrent: 2} "
                "or {scope: service, share: 0.25, per: 1h}"
            )
        if (self.per is None) != (self.concurrent is not None):
            if self.per is None:
                raise ValueError("per is missing; write in which time this is counted, such as per: 1h")
            raise ValueError("concurrent counts what is under way at the moment; remove per")
        if self.share is not None and self.scope not in SCOPES_WITH_A_FLEET:
            raise ValueError(
                f"of a {self.scope.value} nobody knows how many instances there are; "
                f"write a share for scope {', '.join(SCOPES_WITH_A_FLEET[:-1])} or {SCOPES_WITH_A_FLEET[-1]}"
            )
        return self

    @property
    def window(self) -> timedelta:
        """How far back it counts; no time at all where it counts what is under way."""
        return self.per if self.per is not None else timedelta(0)
