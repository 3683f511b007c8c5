"""``block_ip`` on nftables keeps the contract: of an attacker nobody has blocked, and of one blocked briefly."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.policy.file.protected import Protected
from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.backends import program
from remediations.testing import Ability, Promise, Subject, made
from remediations.testing.checks import PROMISES
from tests.fixtures.network import ATTACKER, BYSTANDER, Wire
from tests.fixtures.servers import until
from tests.remediations.nftables.gate import load_table, nft, nftables_in, write_nft

SET = "inet watchkeeper blocked_ipv4"
ADDRESS = ATTACKER[4]
FULL = f"""
flush chain inet watchkeeper incoming
delete set {SET}
add set {SET} {{ type ipv4_addr; flags interval, timeout; size 1; }}
add rule inet watchkeeper incoming ip saddr @blocked_ipv4 counter drop
add element {SET} {{ 203.0.113.9 timeout 1d }}
"""
MEETS_ANOTHER = f"""#!/bin/sh
case "$*" in
*create*)
    /usr/sbin/nft 'add element {SET} {{ 198.51.100.0/29 timeout 1h }}'
    /usr/sbin/nft "$@"
    came=$?
    /usr/sbin/nft 'delete element {SET} {{ 198.51.100.0/29 }}'
    exit $came ;;
esac
exec /usr/sbin/nft "$@"
"""
WITHOUT_RIGHTS = (
    '#!/bin/sh\nexec setpriv --bounding-set=-all --inh-caps=-all --reuid=65534 --clear-groups /usr/sbin/nft "$@"\n'
)
PROGRAMS: Mapping[Ability, str] = {
    Ability.REFUSED: WITHOUT_RIGHTS,
    Ability.SLOW: "#!/bin/sh\nexec sleep infinity\n",
    Ability.LYING: "#!/bin/sh\necho '<html>Not found</html>'\n",
    Ability.HALF: '#!/bin/sh\necho \'{"nftables": [{"metainfo": \'\nkill -KILL $$\n',
    Ability.CONFLICT: MEETS_ANOTHER,
}
"""What stands in the place of nft."""


GIVEN_BACK = [
    each
    for each in PROMISES
    if (each.needs and each.needs <= {Ability.ROLL_BACK, Ability.MOVED_ON, Ability.DRIFT})
    or each.sentence.startswith(("Cancelled", "Done twice", "The same situation", "It is never called healthy"))
]
"""What is at stake where ours takes the place of somebody's block: that it is told apart, and comes back."""


class AtTheGate(Subject):
    """An attacker, and somebody whom a person has blocked for good."""

    name = "block_ip"
    absent: ClassVar = {
        Ability.CANARY: "nft asks for no credential",
        Ability.DEAD: "nft is a program and no server: where it is missing, a person must install it",
        Ability.LIMITED: "nobody counts how often nft is run",
        Ability.NOTHING: "any address can be blocked, whether or not somebody has it",
        Ability.SEVERAL: "one plan blocks one address or network",
        Ability.STAGING: "no fault of a packet filter is ours to make",
    }
    cuts = 12

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire, self.folder = wire, folder
        self.mark = ""
        """What was noted on the block of the attacker when it was last seen from outside."""

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"nftables": {"namespace": str(self.wire.gate.path), "timeout": "30s"}}

    async def begin(self) -> None:
        await self.wire.gate.run("nft", "flush", "ruleset")
        await load_table(self.wire)
        await nft(self.wire, f'add element {SET} {{ {BYSTANDER[4]} comment "alice" }}')

    def parameters(self) -> dict[str, Any]:
        return {"address": ADDRESS, "duration": "1h"}

    def too_many(self) -> dict[str, Any]:
        return {"address": "203.0.113.0/24", "duration": "1h", "widest_ipv4": 25}

    def hostile(self) -> list[dict[str, Any]]:
        others = ("attacker.example.com", "198.51.100.7 ", "fe80::1%wire", "198.51.100.7/24", "127.0.0.1", "::1")
        return [{**self.parameters(), "address": each} for each in others]

    def protected(self) -> Protected:
        return Protected(networks=("198.51.100.0/28",))

    async def outside(self) -> Any:
        elements = (await nftables_in(self.wire, timeout="60s").table()).elements
        self.mark = next((each.comment for each in elements if each.network == ip_network(ADDRESS)), "")
        return [[str(each.network), str(each.timeout), each.comment] for each in elements]

    def volatile(self) -> dict[str, Any]:
        return {"the mark": self.mark}

    async def works(self) -> bool:
        return not await self.wire.passes(ADDRESS)

    async def drift(self, target: Target) -> None:
        await nft(self.wire, f"add element {SET} {{ {target.label} timeout 2h }}")

    async def moved_on(self, target: Target) -> None:
        """A person extends what is there, or blocks it on their own."""
        await nft(self.wire, f"add element {SET} {{ {target.label} timeout 5h }}")

    async def by_itself(self, target: Target) -> None:
        nftables = nftables_in(self.wire)

        async def left() -> list[Any]:
            return [e.expires_in for e in (await nftables.table()).elements if str(e.network) == f"{target.label}/32"]

        first = await left()

        async def has_run() -> bool:
            return await left() != first

        await until(has_run, "a second of the block is over")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        await nft(self.wire, "add table inet watchkeeper { flags dormant; }")
        yield
        await nft(self.wire, "add table inet watchkeeper { }")

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        assert program.FOLDERS.startswith("/usr"), "nothing stands in the place of nft yet"
        with pytest.MonkeyPatch.context() as patch:
            write_nft(self.folder, patch, PROGRAMS[how])
            timeout = "500ms" if how is Ability.SLOW else "30s"
            yield made(self.name, {"nftables": {"namespace": str(self.wire.gate.path), "timeout": timeout}})


class AttackerAtTheGate(AtTheGate):
    """Nobody has blocked the attacker yet."""

    golden = Path(__file__).parent / "golden" / "block_ip"

    def ends(self) -> dict[str, Any]:
        return {"address": ADDRESS, "duration": "2s"}

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        await self.wire.gate.run("nft", "-f", "-", text=FULL)
        return targets[-1]


class AttackerBlockedBriefly(AtTheGate):
    """A person has, for a time that is too short; so ours takes the place of theirs, and gives it back."""

    async def begin(self) -> None:
        await super().begin()
        await nft(self.wire, f'add element {SET} {{ {ADDRESS} timeout 10m comment "bob" }}')

    async def works(self) -> bool:
        return not await self.wire.passes(ADDRESS) and "bob" not in str(await self.outside())


@pytest.fixture
def briefly(wire: Wire, tmp_path: Path) -> AttackerBlockedBriefly:
    return AttackerBlockedBriefly(wire, tmp_path)


@pytest.fixture
def subject(wire: Wire, tmp_path: Path) -> AttackerAtTheGate:
    return AttackerAtTheGate(wire, tmp_path)


@pytest.mark.contract(subject=AttackerAtTheGate)
async def test_block_ip_on_nftables(promise: Promise, subject: AttackerAtTheGate) -> None:
    await promise.of(subject)


@pytest.mark.parametrize("promise", GIVEN_BACK, ids=[each.sentence for each in GIVEN_BACK])
async def test_block_ip_in_place_of_another(promise: Promise, briefly: AttackerBlockedBriefly) -> None:
    await promise.of(briefly)
