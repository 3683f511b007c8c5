"""ACT and RECOVER: durable flows over rows.

Knows the policy and the remediation contract; reaches storage, Slack and evidence only through the protocols in
``ports``.
"""
