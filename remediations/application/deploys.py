"""What a system must offer for its deploys to be rolled back: the port of ``roll_back_deploy``.

A version is known by *what* is deployed and never by a number: numbers are given anew whenever an older version is
deployed again, and whoever goes "one back" twice is on the bad one again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.remediation import Condition, NothingToDoError, PermanentError
from remediations.targets import NAMES_IN_A_SENTENCE, listed


def words_of(name: str, images: Sequence[str]) -> str:
    """A version for people: "web:41 (6d5f9c8b7)"."""
    shown = ", ".join(image.rpartition("/")[2] for image in images[:NAMES_IN_A_SENTENCE])
    return f"{shown} ({name})" if shown else name


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a deploy that its system still knows."""

    name: str
    """Names it exactly, for the system and for people: ``6d5f9c8b7``."""
    content: str
    """A digest of what is deployed; the same after a restart, and wherever and whenever it is deployed again."""
    images: tuple[str, ...]
    """What it consists of, for people: ``shop/web:41``."""
    since: datetime
    """When it was deployed for the first time."""
    works: bool = False
    """Whether it is seen to work at this moment: instances of it still serve."""
    served_at_most: timedelta | None = None
    """How long it can have been in service when it was last; None: it still is, or it cannot be told."""

    @property
    def words(self) -> str:
        """For people."""
        return words_of(self.name, self.images)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deploy as it is now."""

    address: str
    """Names it within its backend."""
    label: str
    current: Version
    earlier: tuple[Version, ...]
    """Those that were deployed before the current one was, for the first time; first the one that served last."""
    later: tuple[Version, ...]
    """Those that came after it and are not in service: somebody has rolled back already."""
    condition: Condition
    seen: str
    """The condition in words that go on from "web is"."""
    healthy: int
    total: int
    taken: int
    """Instances that are away at the same time while a version is put in place of another."""
    held: str = ""
    """Why no version can be put in place now, as in "paused"; empty: it can."""
    remedy: str = ""
    cautions: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()

    def known(self, wanted: str) -> tuple[Version, ...]:
        """Versions that ``wanted`` names: by name, or by an image or the end of one (``web:41``, ``sha256:…``)."""
        versions = (self.current, *self.earlier, *self.later)
        return tuple(each for each in versions if wanted == each.name or any(map(_ends(wanted), each.images)))


class Deploys(Protocol):
    """What a system must offer. ``str()`` of it names it in errors."""

    async def find(self, name: str) -> tuple[Deployed, ...]:
        """What ``name`` means, in the same order every time. It may come from an alert: only ever compare it.

        Raises:
            TemporaryError: it cannot be reached, or has not yet taken note of the last deploy.
            PermanentError: refused.
        """
        ...

    async def read(self, address: str) -> Deployed:
        """One deploy as it is now.

        Raises:
            UnknownTargetError: it is gone.
            TemporaryError, PermanentError: it cannot be asked.
        """
        ...

    async def put(self, deployed: Deployed, version: str, idempotency_key: str, *, rehearsed: bool = False) -> None:
        """Put the version of that name in place; return when the system has taken it. Asked twice, it is done once.

        With ``rehearsed`` it is only checked that it could be done.

        Raises:
            TemporaryError: nothing has been changed.
            MovedOnError: the current version is not the one of ``deployed`` any more.
            PermanentError: refused, the version is not kept any more, or the outcome is unknown.
        """
        ...

    async def every(self) -> Collection[str]:
        """Every deploy, by its address and by its label."""
        ...


def _ends(wanted: str) -> Callable[[str], bool]:
    """Whether an image is ``wanted``, or ends with it after one of the marks that parts of an image are parted by."""
    return lambda image: image == wanted or any(image.endswith(f"{mark}{wanted}") for mark in "/:@")


def wanted_version(deployed: Deployed, to: str | None) -> Version:
    """The version to go to.

    Raises:
        NothingToDoError: it is in place, or somebody has rolled back already.
        PermanentError: there is none, or ``to`` means several.
    """
    current = deployed.current
    if to is None:
        if deployed.later:
            raise NothingToDoError(
                f"{deployed.label} was rolled back already: it is at {current.words}, and {deployed.later[0].words} "
                "came after that. To go further back, say to which version in `to`."
            )
        if not deployed.earlier:
            raise PermanentError(
                f"{deployed.label} has no earlier version than {current.words}: its system keeps none. Deploy one."
            )
        return next((each for each in deployed.earlier if each.works), deployed.earlier[0])
    known = deployed.known(to)
    if any(each.content == current.content for each in known):
        raise NothingToDoError(f"{deployed.label} is at {current.words} already.")
    if len(known) == 1:
        return known[0]
    kept = listed([each.words for each in (known or (*deployed.earlier, *deployed.later))])
    what = "means several versions" if known else "is no version that is kept"
    raise PermanentError(f"{to!r} {what} of {deployed.label}; say which in `to`: {kept}.")
