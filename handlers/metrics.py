"""What Watchkeeper tells Prometheus about itself; its own registry, so that two instances in one process never clash.

Must not know: who counts, or who scrapes.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """Every metric, under the prefix ``watchkeeper_``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.alerts = Counter(
            "watchkeeper_alerts",
            "Alerts by source and result: accepted, duplicate, quarantined.",
            ["source", "result"],
            registry=self.registry,
        )
        self.webhooks_refused = Counter(
            "watchkeeper_webhooks_refused",
            "Webhook requests refused as a whole, by source and HTTP status.",
            ["source", "status"],
            registry=self.registry,
        )
        self.truncated_alerts = Counter(
            "watchkeeper_alerts_truncated_by_sender",
            "Alerts the monitor says it left out of its webhooks.",
            ["source"],
            registry=self.registry,
        )
        self.arrivals = Counter(
            "watchkeeper_slack_arrivals",
            "What people did in Slack, by kind, name and result: new, duplicate, unknown, failed.",
            ["kind", "name", "result"],
            registry=self.registry,
        )
        self.answers = Counter(
            "watchkeeper_answers",
            "Presses and commands by name and whether they took effect.",
            ["name", "accepted"],
            registry=self.registry,
        )
        self.decisions = Counter(
            "watchkeeper_decisions",
            "Decisions recorded by any replica since this one was first scraped, by verdict.",
            ["verdict"],
            registry=self.registry,
        )
        self.recorded = Counter(
            "watchkeeper_recorded",
            "Audit entries of any replica since this one was first scraped, by kind, such as action.succeeded.",
            ["kind"],
            registry=self.registry,
        )
        self.outbox_depth = Gauge(
            "watchkeeper_outbox_depth", "Notices that wait for delivery to Slack.", registry=self.registry
        )
        self.database_writable = Gauge(
            "watchkeeper_database_writable",
            "1 while what is to be stored can be stored, else 0.",
            registry=self.registry,
        )
        self.brier_score = Gauge(
            "watchkeeper_confidence_brier_score",
            "Mean squared difference between confidence and outcome over the last 90 days; NaN without cases.",
            registry=self.registry,
        )
        self.calibrated_cases = Gauge(
            "watchkeeper_confidence_cases",
            "Cases of the last 90 days whose confidence is compared with their outcome.",
            registry=self.registry,
        )
        self.loop_lag_seconds = Histogram(
            "watchkeeper_event_loop_lag_seconds",
            "How late the event loop woke up a sleeper.",
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        """The text format that Prometheus scrapes; its content type is ``CONTENT_TYPE``."""
        return generate_latest(self.registry)
