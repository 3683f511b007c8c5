"""A plan as people meet it on cards, in lists and before they confirm: words only, all of them plain text."""

from pydantic import AliasChoices, ConfigDict, Field

from bot.policy.plan import Facts


class PlanNote(Facts):
    """One thing more that a person should know of a plan before it runs."""

    label: str
    """A word or three: "Stays healthy"."""
    text: str
    """The rest of the line, plain text: "2 of 3"."""
    warns: bool = False
    """Whether it speaks against the plan."""


class PlanCard(Facts):
    """The plan as a card shows it."""

    model_config = ConfigDict(serialize_by_alias=True)

    summary: str
    steps: tuple[str, ...]
    blast_radius: str
    """In words: "1 target, 25 % of the fleet"."""
    rollback: str = Field(validation_alias=AliasChoices("rollback", "way_back"), serialization_alias="way_back")
    notes: tuple[PlanNote, ...] = ()
    """What else is to be known, what speaks against it first."""
    short: str = ""
    """What the button says that runs it: "Restart checkout"; empty: the summary must do."""
    touches: str = ""
    """What it touches and what is lost by it, in words: "The only instance. What it held in memory is gone."."""

    @property
    def verb(self) -> str:
        """What would be done, in a few words."""
        return self.short or self.summary.rstrip(". ")
