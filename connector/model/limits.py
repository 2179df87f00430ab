"""An account's budget as the engine counts it."""

from __future__ import annotations

import math

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """An account's configured limits. ``reserve`` is the part of the day kept for live orders, 0 to 1."""

    per_minute: int = 60
    per_day: int = 10_000
    reserve: float = 0.1

    def live_per_minute(self) -> int:
        """A little under Privy's limit: other clocks round."""
        return max(1, self.per_minute - max(1, self.per_minute // 100))

    def history_per_minute(self) -> int:
        """History leaves room for a burst of live orders, and still uses 96 % of the minute."""
        return max(1, min(self.live_per_minute() - 1, math.floor(self.per_minute * 0.97)))

    def per_day_used(self) -> int:
        """A little under the day's limit, for the same reason."""
        return max(1, self.per_day - max(1, self.per_day // 1000))
