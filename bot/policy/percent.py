"""Shares as people read them, in one way everywhere."""


def percent(share: float) -> str:
    """ "25 %" of ``share`` 0.25, in whole per cent."""
    return f"{100 * share:.0f} %"
