"""One store as the units of work use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from connector.ingest.transform import Bench
from connector.mapping.mapper import Mapper
from connector.model.errors import AuthError, StateError, Unavailable, UsageError
from connector.model.facts import HistoricalUpdates, LaneRules, StoreFacts
from connector.runtime import instruments
from connector.runtime.clock import Clock
from connector.sdk.contract import Adapter, History, Page, Poll, PushedAdapter
from connector.state.database import Database
from connector.state.forgotten import Memory
from connector.state.outbox import acceptance


@dataclass(kw_only=True)
class Shop:
    """``wake`` is called when something new waits to be sent; ``lock`` keeps readings of the shop apart.

    ``configured`` are the names of all stores of the configuration.
    ``rereading`` keeps two readings again apart, so that together they keep the pace that each keeps.
    ``gaps`` are what each feed stepped over, ``fault_at`` is where its last fault came. ``nudged`` is set
    when a webhook was kept, ``unread`` when there may be something of the past to read.
    """

    name: str
    account: str
    adapter: Adapter[Any, Any]
    mapper: Mapper
    facts: StoreFacts
    db: Database
    clock: Clock
    live_window: timedelta = timedelta(hours=24)
    historical_updates: HistoricalUpdates = "history"
    forgotten_buyers: Literal["skip", "send"] = "skip"
    configured: Collection[str] = ()
    wake: Callable[[], None] = lambda: None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rereading: asyncio.Lock = field(default_factory=asyncio.Lock)
    verified_at: float | None = None
    read_once: bool = False
    gaps: dict[str, Sequence[str]] = field(default_factory=dict)
    fault_at: dict[str, str | None] = field(default_factory=dict)
    nudged: asyncio.Event = field(default_factory=asyncio.Event)
    unread: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pushed(self) -> bool:
        """Whether its orders come by themselves and nobody can be asked for them."""
        return isinstance(self.adapter, PushedAdapter)

    @property
    def verified(self) -> bool:
        """Whether orders that wait may be sent; always where they are pushed and there is no shop to ask.

        This must be the shop that the store began with. And it must have been read since the program
        started: what waits may be older than what Privy was told, in a copy of the database put back.
        """
        return self.pushed or (self.verified_at is not None and self.read_once)

    def memory(self, connection: Connection, refs: Sequence[str]) -> Memory:
        """What is remembered as forgotten of these orders, in the caller's transaction."""
        return Memory(connection, self.name, refs, send=self.forgotten_buyers == "send")

    async def page(self, read: Poll | History) -> Page:
        """One page of what the shop has. Raises AuthError and Unavailable."""
        with instruments.SHOP_SECONDS.labels(self.facts.platform).time():
            return await self.adapter.changed(read)

    def took(self, taken: acceptance.Accepted) -> None:
        """Once the transaction is committed: count what came in, and wake delivery when something waits."""
        instruments.seen(self.name, ((one.outcome, one.lane, one.rule) for one in taken.results))
        if taken.waiting:
            self.wake()

    @contextmanager
    def named(self) -> Iterator[None]:
        """What the shop answers to a command's question names the store; the URL alone may not tell it."""
        try:
            yield
        except AuthError as error:
            raise AuthError(f"store {self.name}: {error}; correct its credentials") from None
        except Unavailable as error:
            raise Unavailable(f"store {self.name}: {error}") from None

    @property
    def bench(self) -> Bench:
        return Bench(adapter=self.adapter, mapper=self.mapper, facts=self.facts, rules=self.rules)

    @property
    def rules(self) -> LaneRules:
        """What decides between live and history."""
        return LaneRules(
            live_from=self.facts.live_from,
            live_window=self.live_window,
            historical_updates=self.historical_updates,
        )


def everybodys(error: Exception) -> bool:
    """Whether a fault is the whole shop's or the database's: another request would only meet it again."""
    return isinstance(error, AuthError | StateError) or (
        isinstance(error, Unavailable) and error.retry_after is not None
    )


def must_be_readable(shop: Shop) -> None:
    """Raise UsageError for a store whose orders are pushed, in a command that reads the shop."""
    if shop.pushed:
        raise UsageError(
            f"store {shop.name}: its orders are pushed, so there is no shop that could be read. What was "
            f"missed is brought in from a file: connector import {shop.name} FILE"
        )


def all_readable(shops: Iterable[Shop]) -> list[Shop]:
    """Those whose shop can be read. Raises UsageError when there is none."""
    found = [shop for shop in shops if not shop.pushed]
    if not found:
        raise UsageError(
            "no store of the configuration has a shop that can be read; "
            "pushed orders are brought in from a file: connector import STORE FILE"
        )
    return found
