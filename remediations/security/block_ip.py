"""Block an address or a network for a time: the first answer to an attacker, and one that ends by itself.

What counts as "the same state" between planning and acting is who had blocked it before: nobody, or somebody for a
shorter time, whose block is then replaced and comes back with a rollback. Times that run are not part of it.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Annotated, ClassVar, Protocol

from pydantic import AfterValidator, Field, JsonValue

from bot.policy.file.fields import Duration, duration, duration_text
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.remediation import (
    OPEN,
    About,
    Condition,
    Execution,
    Health,
    MovedOnError,
    NothingToDoError,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    RemediationError,
    Report,
    Snapshot,
)
from remediations.capability import Through
from remediations.security.addresses import Network, counted, is_private, network_of, written
from remediations.security.blocked import Block, Sight, as_json, from_json, mark, same, shown

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=24)
AS_LONG = 0.9
"""A block that lasts for this share of the time asked for is as good: nobody is asked about the rest."""
RETRIED_WITHIN = timedelta(seconds=15)
LIMIT_SECONDS = 60.0
STEP_LIMIT_SECONDS = 30.0


class Blocks(Protocol):
    """What a system must offer. ``str()`` of it names it in errors."""

    async def look(self) -> Sight:
        """Everything that is blocked now.

        Raises:
            TemporaryError, PermanentError: it cannot be asked.
        """
        ...

    async def own(self, network: Network) -> str:
        """What of the system itself would be blocked with ``network``, as in "10.0.0.1 is the gateway"; else empty.

        Raises:
            TemporaryError, PermanentError: it cannot be told.
        """
        ...

    async def change(self, out: Network | None, into: Block | None) -> None:
        """End the block of exactly ``out``, and begin ``into``, both at once or neither.

        ``into`` ends by itself at its ``until``, without us. Overlapping what is blocked already, it is refused.

        Raises:
            TemporaryError: nothing has been asked for yet.
            PermanentError: refused, or the outcome is unknown.
        """
        ...

    async def rehearse(self, out: Network | None, into: Block | None) -> None:
        """Have ``change`` checked, as far as the system can, without making it.

        Raises:
            TemporaryError, PermanentError: as ``change`` would.
        """
        ...


def _address(text: str) -> str:
    return written(network_of(text))


def _bounded(asked: timedelta) -> timedelta:
    if not SHORTEST <= asked <= LONGEST:
        raise ValueError(
            f"{duration_text(asked)} is no time to block for: write one from {duration_text(SHORTEST)} to "
            f"{duration_text(LONGEST)}"
        )
    return asked


class BlockIpParameters(Parameters):
    """The policy's ``with`` for ``block_ip``."""

    backend: str = "nftables"
    """Name of the backend."""
    address: Annotated[str, AfterValidator(_address)] = Field(json_schema_extra={"format": "ip-network"})
    """An IPv4 or IPv6 address, or a network such as ``203.0.113.0/24``."""
    duration: Annotated[Duration, AfterValidator(_bounded)] = Field(json_schema_extra=OPEN)
    """How long, from 1s to 24h; then it ends by itself."""
    widest_ipv4: int = Field(default=32, ge=24, le=32)
    """Length of the prefix of the widest IPv4 network that may be blocked; 32: single addresses only."""
    widest_ipv6: int = Field(default=128, ge=48, le=128)
    """The same for IPv6, where a subscriber usually has a /64."""


class BlockIp(Remediation):
    """Block one address or network for a time."""

    name: ClassVar[str] = "block_ip"
    title: ClassVar[str] = "Block an address"
    parameters: ClassVar[type[Parameters]] = BlockIpParameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.ACCESS, Effect.TRAFFIC})

    def __init__(self, through: Through[Blocks]) -> None:
        self._through = through

    async def plan(self, parameters: BlockIpParameters, about: About) -> Plan:
        """Find out who has blocked it already, and say what a block would come to.

        Raises:
            NothingToDoError: it is blocked already, alone for about as long or more, or in a wider network.
            TemporaryError: the system cannot be asked now.
            PermanentError: it is protected, too wide, or the system's own; a part of it is blocked already; or a block
                would keep nobody out.
        """
        network = ip_network(parameters.address)
        _refuse_protected(parameters, network, about)
        _refuse_too_wide(parameters, network)
        system = self._through.get(parameters.backend)
        own = await system.own(network)
        if own:
            raise PermanentError(f"{parameters.address} is not blocked in {system}: {own}.")
        sight = await system.look()
        if weakness := sight.weaknesses.get(network.version):
            raise PermanentError(weakness)
        _refuse_blocked(sight, network, parameters.duration, about.now, str(system))
        return _plan(parameters, network, sight.of(network), about)

    async def rehearse(self, plan: Plan) -> Report:
        """Have the block checked by the system, with our rights, without making it.

        Raises:
            TemporaryError: the system cannot be asked.
            PermanentError: refused, or the target has changed.
        """
        system, network = self._system(plan), _network(plan)
        before = _as_planned(plan, await system.look(), str(system))
        await system.rehearse(_network_of(before), _ours(plan, "rehearsal"))
        return Report(summary=f"{system} would take a block of {written(network)}.")

    async def snapshot(self, plan: Plan) -> Snapshot:
        """Who blocks it now, and until when.

        Raises:
            TemporaryError, PermanentError: the system cannot be asked.
        """
        found = (await self._system(plan).look()).of(_network(plan))
        return Snapshot(state={"block": as_json(found)})

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Block it, in place of a shorter block that was planned to be replaced; once, however often it is asked.

        Raises:
            TemporaryError: nothing has been changed yet.
            PermanentError: refused, its outcome is unknown, or somebody has blocked or unblocked it since.
        """
        system, (target,) = self._system(plan), plan.targets
        ours = _ours(plan, execution.idempotency_key)
        sight = await system.look()
        now = sight.of(ours.network)
        if now is not None and now.made_by == ours.made_by:
            return Report(summary=f"{target.label} is blocked already by this action, {now.end}.")
        if weakness := sight.weaknesses.get(ours.network.version):
            raise PermanentError(weakness)
        before = _as_planned(plan, sight, str(system))
        async with execution.step(f"Block {target.label} for {plan.parameters['duration']}", target.key) as step:
            await execution.retrying(lambda: system.change(_network_of(before), ours), within=RETRIED_WITHIN)
            step.details["block"] = as_json(ours)
        return Report(summary=f"Blocked {target.label} {ours.end}.", details={"block": as_json(ours)})

    async def health(self, plan: Plan, record: Record) -> Health:
        """Whether it is kept out now: blocked by whomever, not only briefly, and the rules drop what is blocked."""
        network, label = _network(plan), written(_network(plan))
        try:
            sight = await self._system(plan).look()
        except RemediationError as error:
            return Health(condition=Condition.UNKNOWN, summary=str(error))
        found = sight.of(network) or sight.around(network)
        if found is None:
            return Health(condition=Condition.UNHEALTHY, summary=_not_blocked(label, _left(record)))
        if found.identity == plan.targets[0].state["blocked"]:
            summary = f"{label} is blocked by the block that was to be replaced only, {found.end}."
            return Health(condition=Condition.UNHEALTHY, summary=summary)
        if weakness := sight.weaknesses.get(network.version):
            return Health(condition=Condition.UNHEALTHY, summary=f"{label} is blocked, but not kept out: {weakness}")
        whole = "" if found.network == network else f" as a part of {found.network}"
        return Health(condition=Condition.HEALTHY, summary=f"{label} is blocked{whole} {found.end}.")

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Take out exactly our block, and put back a shorter one that was there, with what is left of its time.

        Raises:
            TemporaryError: nothing has been changed yet.
            MovedOnError: somebody has taken it out, extended it or put another in its place.
            PermanentError: refused, or its outcome is unknown.
        """
        system, (target,) = self._system(plan), plan.targets
        if target.key not in record.touched:
            return Report(summary=f"{target.label} was never blocked by this action, so nothing was changed.")
        before, now = _running(_block(record.snapshot)), (await system.look()).of(_network(plan))
        if same(before, now):
            words = "is not blocked any more" if now is None else f"is blocked as before, {now.end}"
            return Report(summary=f"{target.label} {words}; nothing had to be undone.")
        left = _running(_block(record.after)) if record.after is not None else None
        overwrites = record.after is not None and same(left, now)
        if now is None and not overwrites:
            raise MovedOnError(
                f"Somebody has unblocked {target.label} in {system} since, so the block before is not put back."
            )
        if now is not None and not overwrites and not _is_ours(plan, record, now):
            raise MovedOnError(
                f"The block of {target.label} in {system}, {now.end}{now.noted}, is somebody else's, or they have "
                "changed ours; it is left alone. Unblock it there if it is to end."
            )
        standing = now.network if now is not None else None
        undo = f"Unblock {target.label}" if before is None else f"Let {target.label} be blocked {before.end} as before"
        async with execution.step(undo, target.key):
            await execution.retrying(lambda: system.change(standing, before), within=RETRIED_WITHIN)
        done = (
            f"{target.label} is not blocked any more" if before is None else f"{target.label} is blocked {before.end}"
        )
        return Report(summary=f"{done}, as before.")

    def compared(self, plan: Plan, snapshot: Snapshot) -> JsonValue:
        """Who blocks it, and for how long altogether; not the time that is left, which the system counts down.

        A block whose time is over is none: that is nobody's doing either. One of ours that ends at another time than
        its mark says has been changed by somebody.
        """
        found = _running(_block(snapshot))
        return None if found is None else {**found.identity, "as_marked": found.as_marked}

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """Our block, if its step has ended; if it has only begun, nobody can tell without looking."""
        (target,) = plan.targets
        if target.key not in record.touched:
            return record.snapshot
        found = _left(record)
        return None if found is None else Snapshot(state={"block": as_json(found)})

    def _system(self, plan: Plan) -> Blocks:
        return self._through.get(plan.parameters["backend"])


def _network(plan: Plan) -> Network:
    return ip_network(plan.parameters["address"])


def _ours(plan: Plan, key: str) -> Block:
    """The block that this plan asks for, from now on."""
    lasts = duration(plan.parameters["duration"])
    until = datetime.now(UTC) + lasts
    return Block(_network(plan), lasts, until, mark(key, until))


def _refuse_protected(wanted: BlockIpParameters, network: Network, about: About) -> None:
    if protected := about.protected.network(network):
        raise PermanentError(f"{wanted.address} is never blocked: `protected.networks` of the policy has {protected}.")
    if pattern := about.protected.target((_target_key(wanted), wanted.address)):
        raise PermanentError(f"{wanted.address} is never blocked: `protected.targets` of the policy has {pattern!r}.")


def _refuse_too_wide(wanted: BlockIpParameters, network: Network) -> None:
    name = f"widest_ipv{network.version}"
    widest: int = getattr(wanted, name)
    if network.prefixlen < widest:
        raise PermanentError(
            f"{wanted.address} is wider than a /{widest}, the widest that may be blocked: `{name}` in the runbook's "
            "`with` says so."
        )


def _refuse_blocked(sight: Sight, network: Network, wanted: timedelta, now: datetime, system: str) -> None:
    """Whatever is blocked already and would not be replaced by ours."""
    label, exact, around = written(network), sight.of(network), sight.around(network)
    if around is not None:
        raise NothingToDoError(
            f"{label} is blocked in {system} as a part of {around.network}, {around.end}{around.noted}."
        )
    if exact is not None and (exact.until is None or exact.until - now >= AS_LONG * wanted):
        raise NothingToDoError(f"{label} is blocked in {system} already, {exact.end}{exact.noted}.")
    if parts := sight.inside(network):
        raise PermanentError(
            f"{label} cannot be blocked in {system} as a whole, because {written(parts[0].network)} in it is blocked "
            f"already, {parts[0].end}{parts[0].noted}"
            f"{f' (and {len(parts) - 1} more)' if parts[1:] else ''}: unblock that first, or wait for its end."
        )


def _plan(wanted: BlockIpParameters, network: Network, before: Block | None, about: About) -> Plan:
    lasts = duration_text(wanted.duration)
    replaced = ", in place of a block that ends sooner" if before else ""
    comes_back = "; the one before comes back with what is left of its time" if before else ""
    return Plan(
        remediation=BlockIp.name,
        summary=f"Block {wanted.address} for {lasts} through {wanted.backend}{replaced}.",
        short=f"Block {wanted.address}",
        parameters=wanted.model_dump(mode="json"),
        service=about.service,
        targets=(
            Target(
                key=_target_key(wanted),
                label=wanted.address,
                state={"blocked": before.identity if before else None},
                becomes={"blocked_for_seconds": wanted.duration.total_seconds()},
            ),
        ),
        effects=frozenset({Effect.ACCESS, Effect.TRAFFIC}),
        blast_radius=BlastRadius(targets=counted(network)),
        rollback=Rollback(summary=f"Our block is taken out{comes_back}.", exactness=Exactness.EXACT),
        steps=(
            f"Drop every packet from {wanted.address} through {wanted.backend}; after {lasts} that ends by itself.",
        ),
        ends_after_seconds=wanted.duration.total_seconds(),
        limit_seconds=LIMIT_SECONDS,
        step_limit_seconds=STEP_LIMIT_SECONDS,
        forecasts={"blocked until": shown(about.now + wanted.duration)}
        | ({"was_blocked": before.end} if before else {}),
        cautions=(f"{wanted.address} is a private address: it may be one of our own machines.",)
        if is_private(network)
        else (),
    )


def _target_key(wanted: BlockIpParameters) -> str:
    return f"{wanted.backend}:{wanted.address}"


def _as_planned(plan: Plan, sight: Sight, system: str) -> Block | None:
    """The block that ours will replace, if any.

    Raises:
        PermanentError: it is not as it was when the plan was made.
    """
    network, (target,) = _network(plan), plan.targets
    found = sight.of(network)
    others = (*filter(None, [sight.around(network)]), *sight.inside(network))
    if others:
        raise PermanentError(
            f"{others[0].network} was blocked in {system} since the plan was made, {others[0].end}{others[0].noted}, "
            f"so {target.label} was left alone. Plan again."
        )
    if (found.identity if found else None) != target.state["blocked"]:
        now = f"it is blocked {found.end}{found.noted}" if found else "it is not blocked any more"
        raise PermanentError(
            f"{target.label} in {system} has changed since the plan was made ({now}), so it was left alone. Plan again."
        )
    return found


def _is_ours(plan: Plan, record: Record, now: Block) -> bool:
    """Whether what is there now is what we put there.

    Where nobody lived to note our mark, it is a block of ours that is as this plan asks for and was not there before.
    """
    left, before = _left(record), _block(record.snapshot)
    if left is not None:
        return now.as_marked and now.made_by == left.made_by
    new = before is None or now.mark != before.mark
    return new and now.as_marked and now.lasts == _ours(plan, "").lasts


def _left(record: Record) -> Block | None:
    """What our step says that it has put in; None when it did not live to say."""
    noted = [step.details["block"] for step in record.steps if step.ended and "block" in step.details]
    return from_json(noted[-1]) if noted else None


def _network_of(block: Block | None) -> Network | None:
    return block.network if block is not None else None


def _running(block: Block | None) -> Block | None:
    return block.running if block is not None else None


def _block(snapshot: Snapshot) -> Block | None:
    return from_json(snapshot.state["block"])


def _not_blocked(label: str, left: Block | None) -> str:
    if left is not None and _running(left) is None:
        return f"{label} is not blocked any more: the block has ended by itself, as it was to."
    return f"{label} is not blocked."
