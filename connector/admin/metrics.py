"""How everything stands, for Prometheus: read from the database at each scrape, beside what is counted.

Names and units follow https://prometheus.io/docs/practices/naming/. Labels are configured names and words of
ours; nothing of a buyer, no number of an order and no word of a shop is among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib.metadata import version

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from sqlalchemy import Connection

from connector.admin import alerts
from connector.admin.status import usage_of
from connector.model.states import BreakerKind, Lane, OrderState
from connector.runtime.clock import Clock
from connector.sdk import registry
from connector.settings.models import Settings
from connector.state import breakers, cursors, inbox, subscriptions
from connector.state.outbox import acceptance, queries

ALARM_SECONDS = 300.0  # before a store's alarms are looked at again: they move within hours
MOST_ALARMS = 100  # stores whose alarms one scrape looks at: each costs milliseconds
ALARMS = ("no-news", "no-contacts")


class Gauges:
    """Reads how everything stands; keeps each store's alarms for a while, with when they were looked at."""

    def __init__(self) -> None:
        self._alarms: dict[str, tuple[float, set[str]]] = {}

    def read(self, connection: Connection, settings: Settings, clock: Clock) -> list[Metric]:
        """All families, in the caller's transaction, which only reads."""
        steady = clock.steady()
        ages = {name: steady - self._alarms.get(name, (-ALARM_SECONDS, ()))[0] for name in settings.stores}
        oldest = sorted(ages, key=ages.__getitem__, reverse=True)[:MOST_ALARMS]
        for name in (name for name in oldest if ages[name] >= ALARM_SECONDS):
            kinds = {alarm.kind for alarm in alerts.of_store(connection, name, clock.now())}
            self._alarms[name] = (steady, kinds)
        return [
            InfoMetricFamily(
                "connector", "The program that answers.", value={"version": version("privy-connector")}
            ),
            *_orders(connection, settings, clock.now()),
            *_reading(connection, settings),
            *_accounts(connection, settings, steady),
            _pauses(connection, settings, steady),
            _gauge(
                "connector_alarm",
                "1 while something is wrong though nothing failed: no-news (no order for longer than usual), "
                "no-contacts (nearly every new order has neither e-mail nor phone).",
                ["store", "kind"],
                (
                    ([name, kind], kind in self._alarms[name][1])
                    for name in settings.stores
                    if name in self._alarms
                    for kind in ALARMS
                ),
            ),
        ]


class Everything:
    """A collector of what is counted and what was read."""

    def __init__(self, read: Sequence[Metric]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """In the client's own form."""
        yield from REGISTRY.collect()
        yield from self._read


def _orders(connection: Connection, settings: Settings, now: datetime) -> Iterable[Metric]:
    # What is not there yet could show no growth.
    states = {
        (name, state, "", ""): 0
        for name in settings.stores
        for state in (OrderState.DELIVERED, OrderState.FAILED)
    }
    for row in acceptance.counts(connection):
        if row.store in settings.stores:
            lane = row.lane if row.state == OrderState.WAITING else ""
            key = (row.store, row.state, lane, row.rule)
            states[key] = states.get(key, 0) + row[-1]
    yield _gauge(
        "connector_orders",
        "Orders known here by state; waiting ones by lane, skipped ones by rule.",
        ["store", "state", "lane", "rule"],
        states.items(),
    )
    waiting = {(one.store, one.lane): one for one in queries.backlog(connection, list(settings.stores))}
    lanes = [(name, lane) for name in settings.stores for lane in Lane]
    yield _gauge(
        "connector_backlog_orders",
        "Orders that wait to be sent.",
        ["store", "lane"],
        ((key, waiting[key].orders if key in waiting else 0) for key in lanes),
    )
    yield _gauge(
        "connector_backlog_oldest_age_seconds",
        "Since when the oldest order that waits to be sent is known as it is; 0 when none waits.",
        ["store", "lane"],
        (
            (key, max(0.0, (now - waiting[key].oldest).total_seconds()) if key in waiting else 0.0)
            for key in lanes
        ),
    )
    found = queries.newest(connection, list(settings.stores))
    yield _gauge(
        "connector_newest_order_timestamp_seconds",
        "When the newest order that the shop showed was placed.",
        ["store"],
        (([one.store], one.placed_at.timestamp()) for one in found if one.placed_at),
    )
    yield _gauge(
        "connector_newest_delivered_order_timestamp_seconds",
        "When the newest order that Privy has was placed.",
        ["store"],
        (([one.store], one.told_placed_at.timestamp()) for one in found if one.told_placed_at),
    )
    prevented = CounterMetricFamily(
        "connector_messages_prevented",
        "Messages about old orders that only the second guard kept from leaving: each is a fault to report.",
        labels=["store"],
    )
    for one in found:
        prevented.add_metric([one.store], one.prevented)
    yield prevented


def _reading(connection: Connection, settings: Settings) -> Iterable[Metric]:
    read = cursors.read_at(connection)
    yield _gauge(
        "connector_last_read_timestamp_seconds",
        "When the shop was last read, all feeds of it; where orders are pushed, when some came last.",
        ["store"],
        (([name], read[name].timestamp()) for name in settings.stores if name in read),
    )
    yield _gauge(
        "connector_poll_interval_seconds",
        "How often the shop is to be read; none where orders are pushed.",
        ["store"],
        (
            ([name], store.poll.total_seconds())
            for name, store in settings.stores.items()
            if registry.adapter(store.platform).feeds
        ),
    )
    webhooks = inbox.counts(connection)
    yield _gauge(
        "connector_webhooks_waiting",
        "Webhooks that were answered and are not looked into yet.",
        ["store"],
        (([name], webhooks.get(name, 0)) for name in settings.stores),
    )
    faults = subscriptions.counts(connection)
    yield _gauge(
        "connector_webhook_subscription_faults",
        "Topics whose webhooks do not come as they should: disabled, missing, or leading elsewhere.",
        ["store"],
        (([name], faults.get(name, 0)) for name in settings.stores),
    )


def _accounts(connection: Connection, settings: Settings, steady: float) -> Iterable[Metric]:
    used: list[tuple[Sequence[str], float]] = []
    limit: list[tuple[Sequence[str], float]] = []
    for name, account in settings.accounts.items():
        use = usage_of(connection, name, steady)
        limits = use.holding(account.limits)
        for span, spent, granted in (
            ("minute", use.minute, limits.per_minute),
            ("day", use.day, limits.per_day),
        ):
            used.append(([name, span], spent))
            limit.append(([name, span], granted))
    labels = ["account", "window"]
    yield _gauge(
        "connector_quota_used_requests",
        "Requests counted in the running window, in flight ones too.",
        labels,
        used,
    )
    yield _gauge(
        "connector_quota_limit_requests",
        "What Privy allows in the window: as configured, or as it said.",
        labels,
        limit,
    )


def _pauses(connection: Connection, settings: Settings, steady: float) -> Metric:
    return _gauge(
        "connector_paused",
        "1 while something rests: reading a shop, sending a store's orders, sending for an account, or a "
        "unit of work; by why: auth, fault, internal (please report it), limit (Privy asked to wait), "
        "identity (another shop answers).",
        ["scope", "name", "kind"],
        (
            ([one.scope, one.name, one.kind], 1)
            for one in breakers.every(connection)
            if (one.lasts or (one.kind is BreakerKind.LIMIT and one.rests(steady)))
            and one.name in (settings.accounts if one.scope.owner == "account" else settings.stores)
        ),
    )


def _gauge(
    name: str, documentation: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
