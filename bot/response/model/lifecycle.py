"""Lifecycles as tables: which event moves which state where.

A table is data, so the diagram in the docs, the conditional updates in storage and the property tests all come
from the same lines. An event that the table does not list for a state is impossible there: the conditional update
touches no row, and whoever tried has lost the race.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


@dataclass(frozen=True)
class Lifecycle(Generic[State, Event]):
    """An immutable transition table, with the state in which everything begins."""

    name: str
    table: Mapping[Event, tuple[frozenset[State], State]]
    """Event -> (states it may happen in, state it leads to)."""
    beginnings: frozenset[State]

    def sources(self, event: Event) -> frozenset[State]:
        """States in which ``event`` is possible."""
        return self.table[event][0]

    def target(self, event: Event) -> State:
        """The state ``event`` leads to."""
        return self.table[event][1]

    def allows(self, state: State, event: Event) -> bool:
        """Whether ``event`` is possible in ``state``."""
        return state in self.sources(event)

    def final(self, state: State) -> bool:
        """Whether nothing can happen any more in ``state``."""
        return not any(state in sources for sources, _ in self.table.values())

    def transitions(self) -> Iterator[tuple[State, Event, State]]:
        """Every arrow of the diagram, in the table's order."""
        for event, (sources, target) in self.table.items():
            for source in sorted(sources):
                yield source, event, target

    def mermaid(self) -> str:
        """The state diagram for the docs, in Mermaid's notation."""
        lines = ["stateDiagram-v2"]
        lines += [f"    [*] --> {state}" for state in sorted(self.beginnings)]
        lines += [f"    {source} --> {target}: {event}" for source, event, target in self.transitions()]
        states = {state for source, _, target in self.transitions() for state in (source, target)} | self.beginnings
        lines += [f"    {state} --> [*]" for state in sorted(states) if self.final(state)]
        return "\n".join(lines) + "\n"
