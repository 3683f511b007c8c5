"""Remediations, one file per capability, joined with the backends they act through in ``catalogue``.

A remediation plans, acts, verifies and rolls back one kind of fix. Must not know: incidents, people, Slack, and
whether it may run; that is the policy's business.
"""
