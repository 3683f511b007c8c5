"""Ports, what the flows need from outside, as protocols: rows, monitoring, people, durable execution.

Must not know: who serves them. ``storage``, ``bot.evidence``, ``bot.slack`` and ``engine`` do; ``bot.app`` joins them.
"""
