"""What tests of the state share: an open database, a clock moved by hand, versions of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Row, event

from connector.model.facts import LaneRules, StoreFacts, Version
from connector.model.payload import fingerprint
from connector.model.states import Settlement
from connector.runtime import exact_json
from connector.runtime.clock import Clock
from connector.state import quota, stores
from connector.state.database import Database
from connector.state.outbox import acceptance, claims, payloads

NOW = datetime(2026, 6, 2, 12, 0, 30, tzinfo=UTC)
LIVE_FROM = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AMPLE = quota.Grant(live=1000, history=1000, again_at=0.0)

P = ParamSpec("P")
R = TypeVar("R")


class HandClock(Clock):
    """Both clocks, moved by the test alone."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def steady(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class State:
    """A database with the stores ``acme`` and ``zeta`` of the account ``main``, and what tests do with it."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.db = database
        self.clock = clock
        for name in ("acme", "zeta"):
            self.do(
                stores.register,
                name=name,
                platform="push",
                account="main",
                base_url="https://api.privy.com",
                live_from=LIVE_FROM,
                starts=True,
                now=clock.now(),
            )

    def do(self, work: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """One transaction."""
        return self.db.work(work, *args, **kwargs)

    def accept(self, *versions: Version, store: str = "acme", force: bool = False) -> acceptance.Accepted:
        """Give a page of versions to the outbox."""

        def work(connection: Connection) -> acceptance.Accepted:
            rows = acceptance.known(connection, store, [one.ref for one in versions])
            return acceptance.accept(
                connection,
                store,
                "main",
                versions,
                rows,
                now=self.clock.now(),
                steady=self.clock.steady(),
                force=force,
            )

        return self.do(work)

    def row(self, ref: str, store: str = "acme") -> Row[Any]:
        """The order's row."""
        return self.do(acceptance.known, store, [ref])[ref]

    def body(self, ref: str, store: str = "acme") -> bytes | None:
        """What would be sent of the order."""
        return self.do(payloads.get, store, ref)

    def claim(
        self, most: int = 1000, *, grant: quota.Grant = AMPLE, resting: tuple[str, ...] = (), **rules: Any
    ) -> list[claims.Claim]:
        """Claim what is due."""
        return self.do(
            claims.claim,
            "main",
            {store: sending_rules(**rules) for store in ("acme", "zeta") if store not in resting},
            grant,
            fixed=(),
            now=self.clock.now(),
            steady=self.clock.steady(),
            most=most,
        )

    def settle(
        self,
        claim: claims.Claim,
        outcome: str = "delivered",
        *,
        detail: str = "",
        delay: float = 0.0,
        maybe: bool = False,
    ) -> None:
        """Record an answer."""
        one = claims.Settled(
            claim=claim, outcome=Settlement(outcome), detail=detail, delay=delay, maybe=maybe
        )
        self.do(claims.settle, "main", [one], now=self.clock.now(), steady=self.clock.steady())

    def recover(self) -> int:
        """What a start does with what an earlier process left in flight."""
        limit = self.clock.steady() + 1800.0
        for store in ("acme", "zeta"):
            self.do(claims.hasten, store, self.do(claims.due_after, store, limit, 1000), limit)
        return self.do(claims.recover, "main", now=self.clock.now(), steady=self.clock.steady())


@contextmanager
def open_state(url: str, clock: HandClock | None = None) -> Iterator[State]:
    """Open, migrate, and close at the end."""
    database = Database(url)
    try:
        yield State(database, clock or HandClock())
    finally:
        database.close()


def sending_rules(**changed: Any) -> claims.SendingRules:
    """The rules of a store that went live on 1 June."""
    rules: dict[str, Any] = {
        "live_from": LIVE_FROM,
        "live_window": timedelta(days=1),
        "historical_updates": "history",
        "numbering": "native",
    }
    return claims.SendingRules(**rules | changed)


def lane_rules(facts: StoreFacts) -> LaneRules:
    """The rules of a store that is configured as by default."""
    return LaneRules(live_from=facts.live_from, live_window=timedelta(hours=24), historical_updates="history")


def version(ref: str = "1", **changed: Any) -> Version:
    """A version of a live order that waits to be sent; ``total`` makes another payload of it."""
    total = changed.pop("total", 95)
    values: dict[str, Any] = {
        "ref": ref,
        "feed": "test",
        "state": "waiting",
        "lane": "live",
        "order_id": int(ref),
        "placed_at": NOW - 10 * MINUTE,
        "changed_at": NOW - 10 * MINUTE,
        "fetched_at": NOW,
        "due_since": NOW - 10 * MINUTE,
    } | changed
    if values["state"] == "waiting":
        body = exact_json.encode(
            {
                "order_id": values["order_id"],
                "total": total,
                "currency": "USD",
                "order_date": values["placed_at"],
                "email": "ann@shop.example",
            }
        )
        values |= {"body": body, "hash": fingerprint(body)}
    return Version(**values)


def old(ref: str = "1", **changed: Any) -> Version:
    """The same for an order from before its store went live."""
    placed = changed.pop("placed_at", LIVE_FROM - timedelta(days=30))
    return version(ref, **{"lane": "history", "placed_at": placed, "changed_at": placed} | changed)


@dataclass
class Count:
    """Of transactions."""

    number: int = 0


@contextmanager
def transactions(database: Database) -> Iterator[Count]:
    """Counts those that are begun meanwhile for writing or reading alike, without views."""
    counted = Count()

    def begun(connection: Connection) -> None:
        counted.number += 1

    event.listen(database.engine, "begin", begun)
    try:
        yield counted
    finally:
        event.remove(database.engine, "begin", begun)
