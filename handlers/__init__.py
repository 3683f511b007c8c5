"""Arrivals: one file per thing that arrives from a monitor, from Slack or from a browser.

A handler authenticates, reads and hands over; what then happens is in ``bot.response`` and ``storage``. Must not know:
the rules of the policy, the durable engine, any real system.
"""
