"""An account's budget as the engine counts it."""

from __future__ import annotations

import math

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """An account's limits. ``reserve`` is the part of the day kept for live orders, 0 to 1.

    ``minute_is_cap`` and ``day_is_cap`` say that the number was written by the operator: then it holds also
    where Privy grants more. Where Privy grants less, that holds.
    """

    per_minute: int = 60
    per_day: int = 10_000
    reserve: float = 0.1
    minute_is_cap: bool = True
    day_is_cap: bool = True

    def as_stated(self, per_minute: int | None, per_day: int | None) -> Limits:
        """The limits that hold, given what Privy's headers last stated (None: nothing yet)."""
        if per_minute is None and per_day is None:
            return self
        return msgspec.structs.replace(
            self,
            per_minute=_holds(self.per_minute, per_minute, self.minute_is_cap),
            per_day=_holds(self.per_day, per_day, self.day_is_cap),
        )

    def live_per_minute(self) -> int:
        """A little under Privy's limit: other clocks round."""
        return max(1, self.per_minute - max(1, self.per_minute // 100))

    def history_per_minute(self) -> int:
        """History leaves room for a burst of live orders, and still uses 96 % of the minute."""
        return max(1, min(self.live_per_minute() - 1, math.floor(self.per_minute * 0.97)))

    def per_day_used(self) -> int:
        """A little under the day's limit, for the same reason."""
        return max(1, self.per_day - max(1, self.per_day // 1000))

    def kept_per_day(self) -> int:
        """The requests of each day that history leaves to live orders."""
        return math.ceil(self.per_day * self.reserve)


def _holds(configured: int, stated: int | None, is_cap: bool) -> int:
    if stated is None:
        return configured
    return max(1, min(configured, stated) if is_cap else stated)
