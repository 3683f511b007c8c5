"""Links to Prometheus carry the query, and no credentials."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from bot.evidence.links import graph_url

UNTIL = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_a_graph_link_opens_the_query_at_its_time() -> None:
    query = "up{service=\"a&b\"} == 0 # <'é'>"
    link = urlsplit(
        graph_url("http://joe:hunter2@prometheus:9090/base/", query, until=UNTIL, span=timedelta(minutes=5))
    )
    assert (link.scheme, link.netloc, link.path) == ("http", "prometheus:9090", "/base/graph")
    assert parse_qs(link.query) == {
        "g0.expr": [query],
        "g0.tab": ["0"],
        "g0.range_input": ["300s"],
        "g0.end_input": ["2026-11-23 12:30:00"],
    }
