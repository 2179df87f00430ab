"""How long calls take under an account's limits."""

from __future__ import annotations

from datetime import timedelta

from connector.model.limits import Limits
from connector.state import quota


def calls_take(calls: int, limits: Limits, use: quota.Usage) -> timedelta:
    """How long so many calls of history take: minutes within a day's budget, days beyond it.

    ``limits`` are those of the configuration; what Privy's headers stated overrules them.
    """
    if calls <= 0:
        return timedelta()
    limits = use.holding(limits)
    a_day = max(1, limits.per_day_used() - limits.kept_per_day())
    today = max(0, min(a_day, a_day - (use.day - use.day_live)))
    if use.day_left_seen is not None:  # others spend of the same day
        today = min(today, max(0, use.day_left_seen - max(0, limits.kept_per_day() - use.day_live)))
    days, rest = 0, calls
    if calls > today:
        days, rest = divmod(calls - today - 1, a_day)
        days, rest = days + 1, rest + 1
    return timedelta(days=days, minutes=rest / limits.history_per_minute())
