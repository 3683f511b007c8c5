"""A promise of the contract: a sentence, and the check that shows whether a subject keeps it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from remediations.testing.subject import Ability, Subject


class BrokenPromiseError(AssertionError):
    """A remediation does not keep the contract; the text says what was seen."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One of them."""

    sentence: str
    needs: frozenset[Ability]
    """What a subject must be able to show, for this to be asked of it."""
    check: Callable[[Subject], Awaitable[None]]
    unless: frozenset[Ability] = frozenset()
    """What a subject must have declared absent for that."""

    def is_asked_of(self, subject: type[Subject]) -> bool:
        """Whether what it has declared absent makes it one of those."""
        return not self.needs & subject.absent.keys() and self.unless <= subject.absent.keys()

    async def of(self, subject: Subject) -> None:
        """Check it, from the beginning.

        Raises:
            BrokenPromiseError: it is not kept.
        """
        await subject.begin()
        await self.check(subject)


PROMISES: list[Promise] = []
"""All of them, in the order in which they are asked."""


def promise(
    sentence: str, *needs: Ability, unless: tuple[Ability, ...] = ()
) -> Callable[[Callable[[Subject], Awaitable[None]]], Callable[[Subject], Awaitable[None]]]:
    """Make a promise of a check."""

    def add(check: Callable[[Subject], Awaitable[None]]) -> Callable[[Subject], Awaitable[None]]:
        PROMISES.append(Promise(sentence, frozenset(needs), check, frozenset(unless)))
        return check

    return add


def expect(kept: object, seen: str) -> None:
    """Go on if it holds.

    Raises:
        BrokenPromiseError: it does not; ``seen`` says what was seen instead.
    """
    if not kept:
        raise BrokenPromiseError(seen)
