"""What holds for every test: in CI nothing may be skipped, because a skip is a promise that nobody has checked.

One exception: facts about Slack that lie beside the repository. Where that folder is absent, the tests that compare
with it say so and pass on, in CI too.
"""

import os
from collections.abc import Generator

import pytest

MAY_BE_ABSENT = "shared/contracts"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI=true."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if MAY_BE_ABSENT not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which CI=true forbids. {reason}"
    return report
