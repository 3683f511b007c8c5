"""Two namespaces with a wire between them, and our table in the gate."""

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.network import Wire, running_wire
from tests.remediations.nftables.gate import load_table


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """With the table that we ship."""
    async with running_wire() as running:
        await load_table(running)
        yield running
