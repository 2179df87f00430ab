"""The clock of a stand-in shop: real time, until a test sets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Aware UTC. Set, it stands still until it is advanced."""

    def __init__(self) -> None:
        self._fixed: datetime | None = None

    def now(self) -> datetime:
        """The shop's time."""
        return self._fixed or datetime.now(UTC)

    def set(self, time: datetime) -> None:
        """Stops the clock at ``time``."""
        self._fixed = time.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Moves a clock, which is set by that."""
        self._fixed = self.now() + timedelta(seconds=seconds)
