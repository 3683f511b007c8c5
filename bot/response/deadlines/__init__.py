"""Deadlines: veto windows that end, people to be reminded, questions that expire, announcements nobody accepted.

Nothing here sleeps: a wait is a row with a due time, swept by every replica with conditional updates, so that each
moves once. Must not know: what people do (``interventions``); a deadline and a click meet only in the row.
"""
