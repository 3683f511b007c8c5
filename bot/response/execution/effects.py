"""One external effect, run behind its fence, with every ending turned into a result that people can be told."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.remediation import RemediationError, Report, TemporaryError
from bot.response.ports.flow import Json

DONE, UNCHANGED, FAILED, UNKNOWN, NOT_BEGUN = "done", "unchanged", "failed", "unknown", "not begun"
"""How an effect can end. After ``unknown`` nobody guesses and nobody tries again: verify decides."""


def died() -> Json:
    """The answer when the fence says that the effect was begun before, by a process that did not live to tell."""
    return {"result": UNKNOWN, "summary": "The process died while it ran; how far it got is unknown."}


async def run_effect(effect: Callable[[], Awaitable[Report]], timeout_seconds: float) -> Json:
    """Run ``effect``; ``{"result", "summary", "details"}`` whatever happens, cancellation excepted."""
    try:
        async with asyncio.timeout(timeout_seconds):
            report = await effect()
    except TemporaryError as error:
        return {"result": UNCHANGED, "summary": f"Nothing was changed: {error}"}
    except TimeoutError:
        text = f"It did not finish within {timeout_seconds:.0f} s; how far it got is unknown."
        return {"result": UNKNOWN, "summary": text}
    except RemediationError as error:
        return {"result": FAILED, "summary": str(error)}
    except Exception as error:  # noqa: BLE001 - an author's bug must reach people as a failed action, never silently
        return {"result": FAILED, "summary": f"Unexpected {type(error).__name__}: {error}"}
    return {"result": DONE, **report.model_dump(mode="json")}
