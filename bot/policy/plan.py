"""What would be done: a remediation bound to targets, with its effects, blast radius and rollback.

A plan is made by a remediation from live state, judged by the policy, sealed by its digest, and made again at the
moment of execution: if targets or state differ by then, nothing runs.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer


class Facts(BaseModel):
    """Base of every frozen fact.

    Facts are stored and read back by other releases: what a newer one has added is passed over. What people write
    (the policy file) is stricter, see ``bot.policy.file.fields.Entry``.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with changes; what was computed from the original (a digest) is not carried over."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(copied.__dict__) - set(type(copied).model_fields):
            del copied.__dict__[name]
        return copied


def _in_utc_without_a_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc_without_a_zone)]
"""A time that can be compared with every other: one without a zone, from whatever wrote it, is read as UTC."""

IN_ORDER = PlainSerializer(sorted, return_type=list[str], when_used="json")
"""Sets are written in order, so that the same facts always give the same text, and the same seal."""


class Effect(StrEnum):
    """What a plan touches. Remediations declare them; the policy judges them."""

    RESTART = "restart"
    CAPACITY = "capacity"
    TRAFFIC = "traffic"
    DISK = "disk"
    DEPLOY = "deploy"
    FEATURE_FLAG = "feature_flag"
    ACCESS = "access"
    NOTIFY = "notify"
    BILLING = "billing"
    DATA_INTEGRITY = "data_integrity"
    DELETE_CUSTOMER_DATA = "delete_customer_data"
    CHANGE_CONTRACTS_OR_PRICING = "change_contracts_or_pricing"
    DISABLE_AUTHENTICATION = "disable_authentication"
    LEGAL_OR_COMPLIANCE = "legal_or_compliance"
    IRREVERSIBLE = "irreversible"
    UNKNOWN = "unknown"
    """An effect that this release does not know, in a plan that another one stored: judged like a forbidden one."""

    @classmethod
    def _missing_(cls, value: object) -> "Effect":
        return cls.UNKNOWN


class Exactness(StrEnum):
    """How exact the rollback is."""

    EXACT = "exact"
    """Restores precisely the recorded state."""
    APPROXIMATE = "approximate"
    """Restores service, not every detail (e.g. process ids, warm caches)."""
    NOTHING_TO_UNDO = "nothing_to_undo"
    """Nothing is left to roll back, and doing it again is harmless (a restart, a message)."""
    NONE = "none"
    """There is no rollback: the plan is irreversible. So is one whose exactness this release does not know."""

    @property
    def words(self) -> str:
        """How much a rollback restores, for people: "partly"."""
        return _HOW_FAR[self]

    @classmethod
    def _missing_(cls, value: object) -> "Exactness":
        return cls.NONE


_HOW_FAR = {
    Exactness.EXACT: "wholly",
    Exactness.APPROXIMATE: "partly",
    Exactness.NOTHING_TO_UNDO: "nothing to undo",
    Exactness.NONE: "none",
}


class Rollback(Facts):
    """How the plan's effect is rolled back, in words for the card, and how exact that is."""

    summary: str
    exactness: Exactness


class Target(Facts):
    """One thing the plan touches.

    ``key`` names it uniquely over all backends (``supervisor:web``) and is what locks, pauses and the partitioned
    queue go by; ``state`` is what was observed when planning and must be the same when acting.
    """

    key: str
    label: str
    state: dict[str, Any] = Field(default_factory=dict)
    becomes: dict[str, Any] = Field(default_factory=dict)
    """What it will be like afterwards, where that is more than healthy: three instances, another version."""


class BlastRadius(Facts):
    """How much the plan touches: number of targets and their share of the fleet (0..1; None when unknown)."""

    targets: int = Field(ge=0)
    share: float | None = Field(default=None, ge=0, le=1)


class Remaining(Facts):
    """What stays healthy in the service while the plan is carried out, counted live from the system itself."""

    healthy: int = Field(ge=0)
    """Instances that are healthy now."""
    total: int = Field(ge=0)
    """Instances there are, or are meant to be."""
    taken: int = Field(ge=0)
    """Healthy instances that the plan takes away at the same time."""

    @property
    def left(self) -> int:
        """Healthy instances at the worst moment."""
        return max(0, self.healthy - self.taken)


UNSEALED = frozenset({"short", "forecasts", "cautions", "changing", "remaining"})
"""Fields of ``Plan`` that may change while people think about it. They are judged anew each time, not sealed."""
ADDED_LATER: Mapping[str, Any] = {
    "touches_service": True,
    "version": 1,
    "services": [],
    "ends_after_seconds": None,
    "limit_seconds": None,
    "step_limit_seconds": None,
}
"""Fields of ``Plan`` that came after plans were stored, with what older plans mean by not having them."""
ADDED_LATER_TO_TARGETS: Mapping[str, Any] = {"becomes": {}}
"""The same of ``Target``."""


class Plan(Facts):
    """A remediation bound to targets. ``digest`` seals everything an approver agreed to."""

    model_config = ConfigDict(serialize_by_alias=True)

    remediation: str
    summary: str
    """One sentence for the card: what will happen, to what."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    service: str
    targets: tuple[Target, ...]
    effects: Annotated[frozenset[Effect], IN_ORDER]
    blast_radius: BlastRadius
    rollback: Rollback = Field(validation_alias=AliasChoices("rollback", "way_back"), serialization_alias="way_back")
    """Stored under an older name: plans that are stored, and their digests, outlive releases."""
    steps: tuple[str, ...] = ()
    """What will be done, step by step, in words."""

    touches_service: bool = True
    """False where the remediation declares that no service feels it (a ticket, a log that is rotated)."""
    version: int = 1
    """Of the remediation that made it."""
    services: Annotated[frozenset[str], IN_ORDER] = frozenset()
    """Services that the system itself says its targets belong to, beside ``service``."""
    ends_after_seconds: float | None = Field(default=None, gt=0)
    """When its effect ends by itself (a block that expires); None: it stays."""
    limit_seconds: float | None = Field(default=None, gt=0)
    """How long carrying it out may take altogether; None: as long as every plan may."""
    step_limit_seconds: float | None = Field(default=None, gt=0)
    """How long one step may take; None: as long as the whole."""
    short: str = ""
    """In a few words, as a button says it: "Restart checkout"; empty: the summary must do. Not sealed."""
    forecasts: dict[str, JsonValue] = Field(default_factory=dict)
    """What it is expected to come to, in a word each: bytes freed, pods moved. Not sealed."""
    cautions: tuple[str, ...] = ()
    """What speaks against doing it without a person (a deploy ten minutes ago), in sentences. Not sealed."""
    changing: tuple[str, ...] = ()
    """Changes of others that the system itself shows under way on the targets (a rollout), in sentences that stay the
    same while they last. Not sealed."""
    remaining: Remaining | None = None
    """What stays healthy meanwhile; None: it cannot be told. Not sealed."""

    def is_still(self, digest: str, rollback: Rollback) -> bool:
        """Whether this plan, made now, is the one that was sealed with ``digest`` and told this ``rollback``.

        The rollback may be told otherwise in one way: a release that knows there is nothing to undo does not withdraw
        what an older one has planned.
        """
        if self.digest == digest:
            return True
        told = self.model_copy(update={"rollback": rollback})
        return self.rollback.exactness is Exactness.NOTHING_TO_UNDO and told.digest == digest

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the plan, state of the targets included.

        A field that came later counts only where it says something else than plans always said: digests of stored
        plans stay what they were.
        """
        document = self.model_dump(mode="json", exclude=set(UNSEALED))
        _without(document, ADDED_LATER)
        for target in document["targets"]:
            _without(target, ADDED_LATER_TO_TARGETS)
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _without(document: dict[str, Any], added: Mapping[str, Any]) -> None:
    """Leave out what says the same as its absence."""
    for name, always in added.items():
        if document[name] == always:
            del document[name]
