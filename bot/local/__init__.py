"""What needs no account: a workspace that behaves like Slack, the demo, and real servers to break and repair.

Must not know: anything else of ours. It meets the bot from outside, as Slack and an operator do, and is known only to
the command line and the tests.
"""
