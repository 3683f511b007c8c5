"""The command line: what the commands of ``watchkeeper`` do, one module per noun.

They work where the rest does not: with the database alone, while Slack is away and no bot is running. Must not know:
Slack, and how its arguments were parsed; ``bot.__main__`` is the only one that knows this room.
"""
