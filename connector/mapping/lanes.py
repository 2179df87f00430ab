"""Live or history: the first promise (no mail about old orders), in one function and a second guard.

An order placed before its store went live is history, whichever way it came in; a younger one is live, unless
it could not be delivered for so long that writing to the buyer now would be odd. All times are aware UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

GRACE = timedelta(minutes=15)


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one delivery. ``reason`` is a sentence for ``explain``.

    ``lane`` is ``live`` or ``history``.
    """

    lane: str
    initial_sync: bool
    reason: str


def decide(
    *,
    placed_at: datetime,
    live_from: datetime,
    first_told_live: bool | None,
    historical_updates: str,
    due_since: datetime,
    now: datetime,
    live_window: timedelta,
) -> Lane:
    """The lane of an order's next delivery.

    ``first_told_live`` is None while Privy was never told of the order, else whether the first delivery was
    live (without ``initial_sync``). ``due_since`` is when the order was first found waiting.

    Updates stay what the first delivery was. So an order that was late keeps ``initial_sync`` like any old
    order, although an update cannot start *Order Placed* any more: it could still start *Order Received*,
    and for a purchase whose first message never came that is as odd. ``historical_updates: live`` lifts it
    for both. A late *update* of an order that went out live stays live: its buyer knows of the order.
    """
    lifted = first_told_live is not None and historical_updates == "live"
    if placed_at < live_from:
        before = f"placed {_minute(placed_at)}, before the store went live ({_minute(live_from)})"
        if lifted:
            return _live(f"{before}, but Privy has the order and historical_updates is live")
        return _history(before)
    if first_told_live is None:
        if now - due_since > live_window:
            return _history(f"late: it has been waiting since {_minute(due_since)}, longer than live_window")
        return _live(f"placed {_minute(placed_at)}, after the store went live ({_minute(live_from)})")
    if first_told_live:
        return _live("Privy was told of the order as a live one")
    if lifted:
        return _live("first told late, as initial_sync, but historical_updates is live")
    return _history("first told late, as initial_sync, and its updates stay so")


def may_send(
    *,
    body_initial_sync: bool,
    placed_at: datetime,
    live_from: datetime,
    first_told_live: bool | None,
    historical_updates: str,
    due_since: datetime,
    now: datetime,
    live_window: timedelta,
) -> bool:
    """The second guard, asked just before the request leaves: may this body go out as it is?

    It does not call ``decide``, so that one mistake cannot pass both. An order that becomes late between
    the decision and now may go: only what is late beyond ``GRACE`` was decided wrongly.
    """
    if body_initial_sync:
        return True
    if first_told_live is None:
        return placed_at >= live_from and now - due_since <= live_window + GRACE
    return historical_updates == "live" or (first_told_live and placed_at >= live_from)


def _live(reason: str) -> Lane:
    return Lane(lane="live", initial_sync=False, reason=reason)


def _history(reason: str) -> Lane:
    return Lane(lane="history", initial_sync=True, reason=reason)


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ")
