"""Interventions, all that people can do: approve, stop, override, take over, pause, review, ask for a runbook, ask why.

Each is one transaction: permission, change of state, audit entry and notice, or a refusal in words. Must not know: the
buttons and forms it came from (``handlers`` do), and ``deadlines``.
"""
