"""What the process counts for ``/metrics``. Labels come from closed sets: configured names, words of ours."""

from __future__ import annotations

from prometheus_client import Counter

WEBHOOKS = Counter(
    "connector_webhooks_total",
    "Webhooks by outcome: accepted, nothing (a ping), forged, too_large, unavailable.",
    ["store", "outcome"],
)
