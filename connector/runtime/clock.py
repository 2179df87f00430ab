"""Two clocks: the wall for facts about the world, a steady one for every duration.

A wall clock can be set hours forward or back while the daemon runs. Waits, quotas and back-off
therefore count on the steady clock, which starts at the wall's time and then only follows the
machine's boot-time clock (it goes on while the machine sleeps).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """The present, passed to whoever needs it; tests pass one of their own."""

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(_STEADY)

    def now(self) -> datetime:
        """The wall's time, aware UTC."""
        return datetime.now(UTC)

    def ahead(self) -> float:
        """By how many seconds the wall clock was set forward (or back: negative) since the process began."""
        return self.now().timestamp() - self.steady()

    def steady(self) -> float:
        """Seconds since 1970 by a clock that never jumps while the process lives."""
        return time.clock_gettime(_STEADY) + self._offset
