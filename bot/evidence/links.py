"""Links that let a person read the evidence where it comes from."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit, urlunsplit


def graph_url(prometheus_url: str, query: str, *, until: datetime, span: timedelta = timedelta(hours=1)) -> str:
    """Prometheus' own graph of ``query`` over the ``span`` before ``until``; credentials in the URL are dropped."""
    address = urlsplit(prometheus_url)
    parameters = {
        "g0.expr": query,
        "g0.tab": "0",
        "g0.range_input": f"{max(1, int(span.total_seconds()))}s",
        "g0.end_input": until.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    return urlunsplit(
        (
            address.scheme,
            address.netloc.rpartition("@")[2],
            f"{address.path.rstrip('/')}/graph",
            urlencode(parameters, quote_via=quote),
            "",
        )
    )
