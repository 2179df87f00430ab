"""How long to wait after failures in a row: the one formula, for orders, webhooks and circuit breakers."""

from __future__ import annotations

import random

import msgspec

MOST_DOUBLINGS = 20
JITTER = 0.25  # the part of a wait that is left to chance, so that what failed together does not return so


class Backoff(msgspec.Struct, frozen=True):
    """Exponential: ``first`` seconds after the first failure, doubled with each, never above ``longest``."""

    first: float
    longest: float

    def wait(self, failures: int) -> float:
        """Seconds after so many failures in a row (from 1 on), up to a quarter less than the doubling."""
        grown = self.first * 2.0 ** min(max(failures, 1) - 1, MOST_DOUBLINGS)
        return min(grown, self.longest) * random.uniform(1.0 - JITTER, 1.0)
