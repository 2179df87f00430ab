"""What the process counts for ``/metrics``. Labels come from closed sets: configured names, words of ours.

Units of work count by the batch, after their transaction. What can be read from the database is not counted
here: see ``metrics``.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time beside each count would double the answer

ORDERS = Counter(
    "connector_orders_seen_total",
    "Orders that came in by outcome (waiting, delivered: Privy knows it, skipped, failed, unchanged, stale), "
    "lane and rule. One that is read again counts again.",
    ["store", "outcome", "lane", "rule"],
)
STALE = Counter(
    "connector_stale_writes_prevented_total",
    "States of orders that came in after a newer one and were left out.",
    ["store"],
)
DELIVERIES = Counter(
    "connector_deliveries_total",
    "Attempts to deliver by outcome: delivered, refused (the order's fault), later (a passing fault), limit, "
    "store or account (its token is refused), doubted (refused as one order after another was), partly (goes "
    "once more without its e-mail or phone), prevented (see connector_messages_prevented_total).",
    ["store", "lane", "outcome"],
)
PRIVY_SECONDS = Histogram(
    "connector_privy_request_duration_seconds",
    "Requests to Privy, from connecting to the last byte of the answer.",
    ["account"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
SHOP_SECONDS = Histogram(
    "connector_shop_page_duration_seconds",
    "Reading a page of orders from a shop, with every request that it takes.",
    ["platform"],
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
WEBHOOKS = Counter(
    "connector_webhooks_total",
    "Webhooks by outcome: accepted, nothing (a ping), forged, too_large, unavailable.",
    ["store", "outcome"],
)
PUSHES = Counter(
    "connector_pushes_total",
    "Requests with pushed orders by outcome: accepted, faulty (some of the orders), forged, too_large, "
    "not_an_order, unavailable.",
    ["store", "outcome"],
)


def seen(store: str, orders: Iterable[tuple[str, str, str]]) -> None:
    """Count a batch that came in: (outcome, lane, rule) of each order."""
    for (outcome, lane, rule), count in Tally(orders).items():
        ORDERS.labels(store, outcome, lane, rule).inc(count)
        if outcome == "stale":
            STALE.labels(store).inc(count)


def sent(attempts: Iterable[tuple[str, str, str]]) -> None:
    """Count attempts to deliver: (store, lane, outcome) of each."""
    for (store, lane, outcome), count in Tally(attempts).items():
        DELIVERIES.labels(store, lane, outcome).inc(count)
