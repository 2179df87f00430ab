"""The facts that the rules decide by, bundled: of a store, and of one order. Times are aware UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from connector.model.states import Lane, OrderState

HistoricalUpdates = Literal["history", "live"]


class StoreFacts(msgspec.Struct, frozen=True):
    """What is remembered of a store.

    ``live_from`` is None until the store went live, which it does when ``run``, ``sync`` or ``backfill``
    first takes it up. ``first_seen_at`` is then that moment too. ``numbering`` is None until its first order
    goes out.
    """

    name: str
    platform: str
    account: str
    first_seen_at: datetime
    live_from: datetime | None
    identity: str | None
    numbering: str | None
    base_url: str = ""
    prevented: int = 0


class LaneRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a store's configuration and record say about live and history."""

    live_from: datetime | None
    live_window: timedelta
    historical_updates: HistoricalUpdates


class LaneFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about one order's next delivery.

    ``placed_at`` is the earliest time that anybody states for its placing. ``first_told_live`` is None while
    Privy was never told of the order, else whether it was told of it as a live one (without
    ``initial_sync``). ``due_since`` is when the order was first found waiting.
    """

    placed_at: datetime
    due_since: datetime
    first_told_live: bool | None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an order as the pure rules judged it, ready to be taken.

    ``state`` is waiting, skipped or failed; whether a waiting one is already known to Privy is decided
    by ``accept``. ``due_since`` is only used for an order that Privy was never told.
    ``dated`` says that ``changed_at`` is a time and not a counter of the sender's.
    ``lane``, ``initial_sync`` and ``why`` are what was decided for a waiting one; the sender decides again.
    """

    ref: str
    feed: str
    state: OrderState
    changed_at: datetime
    fetched_at: datetime
    dated: bool = True
    lane: Lane = Lane.HISTORY
    initial_sync: bool | None = None
    why: str = ""
    order_id: int | None = None
    number: str = ""
    rule: str = ""
    reason: str = ""
    notes: str = ""
    placed_at: datetime | None = None
    due_since: datetime | None = None
    body: bytes | None = None
    hash: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    settled: bool = False
    addresses: str = ""
