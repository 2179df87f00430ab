"""Live or history: the first promise (no mail about old orders), in one function and a second guard.

An order placed before its store went live is history, whichever way it came in; a younger one is live, unless
it could not be delivered for so long that writing to the buyer now would be odd. All times are aware UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from connector.model.facts import LaneFacts, LaneRules
from connector.model.states import Lane

GRACE = timedelta(minutes=15)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one delivery. ``reason`` is a sentence for the order's time-line."""

    lane: Lane
    initial_sync: bool
    reason: str


def decide(rules: LaneRules, order: LaneFacts, now: datetime) -> Decision:
    """The lane of an order's next delivery. The only rule for it: previews, plans and the sender ask here.

    Updates stay what the first delivery was. So an order that was late keeps ``initial_sync`` like any old
    order, although an update cannot start *Order Placed* any more: it could still start *Order Received*,
    and for a purchase whose first message never came that is as odd. ``historical_updates: live`` lifts it
    for both. A late *update* of an order that went out live stays live: its buyer knows of the order.
    """
    live_from = rules.live_from
    lifted = order.first_told_live is not None and rules.historical_updates == "live"
    if live_from is None or order.placed_at < live_from:
        before = f"placed {_minute(order.placed_at)}, before the store went live ({_minute(live_from)})"
        if lifted:
            return _live(f"{before}, but Privy has the order and historical_updates is live")
        return _history(before)
    if order.first_told_live is None:
        if now - order.due_since > rules.live_window:
            return _history(
                f"late: it has been waiting since {_minute(order.due_since)}, longer than live_window"
            )
        return _live(f"placed {_minute(order.placed_at)}, after the store went live ({_minute(live_from)})")
    if order.first_told_live:
        return _live("Privy was told of the order as a live one")
    if lifted:
        return _live("first told late, as initial_sync, but historical_updates is live")
    return _history("first told late, as initial_sync, and its updates stay so")


def may_send(rules: LaneRules, order: LaneFacts, now: datetime, *, initial_sync: bool) -> bool:
    """The second guard, asked just before the request leaves: may the body go out with this flag?

    It does not call ``decide``, so that one mistake cannot pass both. An order that becomes late between
    the decision and now may go: only what is late beyond ``GRACE`` was decided wrongly.
    """
    if initial_sync:
        return True
    young = rules.live_from is not None and order.placed_at >= rules.live_from
    if order.first_told_live is None:
        return young and now - order.due_since <= rules.live_window + GRACE
    return rules.historical_updates == "live" or (order.first_told_live and young)


def _live(reason: str) -> Decision:
    return Decision(lane=Lane.LIVE, initial_sync=False, reason=reason)


def _history(reason: str) -> Decision:
    return Decision(lane=Lane.HISTORY, initial_sync=True, reason=reason)


def _minute(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ") if moment else "it did not yet"
