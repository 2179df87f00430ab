"""Privy's two rate windows, per business and shared by all its tokens.

The reference gives limits and headers but not whether a window is fixed (it ends with the clock's minute or
day) or sliding (each request leaves it after 60 s or 24 h), so both are here. Times are unix seconds.
"""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Literal

Kind = Literal["fixed", "sliding"]

PER_MINUTE = 60
PER_DAY = 10_000


class Window:
    """At most ``limit`` requests in ``seconds``; without a limit nothing is counted."""

    def __init__(self, limit: int | None, seconds: float, kind: Kind) -> None:
        self.limit = limit
        self.seconds = seconds
        self.kind = kind
        self._spent: deque[float] = deque()

    def _turn(self, now: float) -> None:
        begin = now - now % self.seconds if self.kind == "fixed" else now - self.seconds
        while self._spent and (
            self._spent[0] < begin or (self.kind == "sliding" and self._spent[0] == begin)
        ):
            self._spent.popleft()

    def remaining(self, now: float) -> int:
        """How many requests it still takes now."""
        self._turn(now)
        return max((self.limit or 0) - len(self._spent), 0)

    def resets_at(self, now: float) -> float:
        """When there is room again: the end of a fixed window, or when the oldest request slides out."""
        if self.kind == "fixed":
            return now - now % self.seconds + self.seconds
        self._turn(now)
        return self._spent[0] + self.seconds if self._spent else now

    def spend(self, now: float) -> None:
        """Count one request."""
        if self.limit is not None:
            self._spent.append(now)

    def clear(self) -> None:
        """Forget every request."""
        self._spent.clear()


class Limits:
    """The minute and the day of one business; ``minute`` and ``day`` are their lengths in seconds."""

    def __init__(
        self,
        per_minute: int | None = PER_MINUTE,
        per_day: int | None = PER_DAY,
        window: Kind = "fixed",
        *,
        minute: float = 60.0,
        day: float = 86_400.0,
    ) -> None:
        self.minute = Window(per_minute, minute, window)
        self.day = Window(per_day, day, window)

    def unspent(self) -> Limits:
        """The same limits with nothing spent: what a caller sees whose business is not known."""
        return Limits(
            self.minute.limit,
            self.day.limit,
            self.minute.kind,
            minute=self.minute.seconds,
            day=self.day.seconds,
        )

    def refusal(self, now: float) -> int | None:
        """The ``Retry-After`` in whole seconds when a window is used up, else None."""
        full = [w for w in (self.minute, self.day) if w.limit is not None and w.remaining(now) == 0]
        return max((max(ceil(window.resets_at(now) - now), 1) for window in full), default=None)

    def spend(self, now: float) -> None:
        """Count one request in both windows."""
        self.minute.spend(now)
        self.day.spend(now)

    def clear(self) -> None:
        """Forget every request."""
        self.minute.clear()
        self.day.clear()

    def headers(self, now: float) -> dict[str, str]:
        """The six headers of every answer; a window without a limit has none to tell."""
        headers: dict[str, str] = {}
        for name, window in (("Minute", self.minute), ("Day", self.day)):
            if window.limit is not None:
                headers[f"X-RateLimit-Limit-{name}"] = str(window.limit)
                headers[f"X-RateLimit-Remaining-{name}"] = str(window.remaining(now))
                headers[f"X-RateLimit-Reset-{name}"] = str(ceil(window.resets_at(now)))
        return headers
