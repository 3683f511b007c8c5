"""Written orders for tests: alice and bob are on call, carol leads, dave has no rights."""

from bot.policy.file.document import Policy

POLICY = Policy.model_validate(
    {
        "version": 1,
        "channels": {"incidents": "C01INC", "audit": "C02AUD"},
        "people": {"sre-oncall": {"users": ["U01ALICE", "U02BOB"]}, "leads": {"users": ["U03CAROL"]}},
        "defaults": {"approvals": {"from": ["sre-oncall"], "needed": 1}},
        "backends": {"supervisor": {"server": "http://127.0.0.1:9/RPC2"}},
        "services": {"checkout": {"owner": "platform", "tier": 2}},
        "runbooks": {
            "restart-checkout": {
                "summary": "Restart checkout",
                "when": "alert.name == 'ServiceDown'",
                "level": "L1",
                "remediation": "restart_service",
                "with": {"backend": "supervisor", "service": "${alert.labels.service}"},
                "verify": {"within": "1m", "http": "http://127.0.0.1:9/healthz"},
                "alternatives": ["drain-checkout"],
            },
            "drain-checkout": {
                "summary": "Take checkout out of rotation",
                "when": "false",
                "level": "L1",
                "remediation": "restart_service",
                "with": {"backend": "supervisor", "service": "checkout"},
                "verify": {"within": "1m", "http": "http://127.0.0.1:9/healthz"},
            },
        },
    }
)


def with_approvals(needed: int) -> Policy:
    """The same, where so many must approve."""
    document = POLICY.model_dump(by_alias=True, exclude_unset=True)
    document["defaults"]["approvals"]["needed"] = needed
    return Policy.model_validate(document)
