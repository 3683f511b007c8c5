"""Rows: the tables, one module per noun that reads and changes them, and transactions over all of them.

Implements the ports of ``bot.response`` on SQLite and PostgreSQL. Must not know: Slack, the monitoring, any real
system, and why a row changes.
"""
