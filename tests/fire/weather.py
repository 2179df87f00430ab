"""Faults as data: which request meets which, by a seed or by name."""

from __future__ import annotations

import random
import re

import msgspec

# What Privy, a shop and what lies before them can do to a request. "after" means that the request was
# carried out all the same. The comments say what the caller sees.
KINDS = (
    "500",  # an error in JSON
    "502",  # a proxy's HTML page
    "html",  # a page with status 200
    "empty",  # status 200 and nothing
    "rubbish",  # status 200 and JSON that has nothing to do with the question
    "redirect",  # to another host
    "429",  # slow down, Retry-After: 1
    "429-bare",  # slow down, without saying how long
    "reset",  # the connection breaks before the request is read on
    "reset-after",
    "hang",  # nothing, until the caller gives up
    "hang-after",
    "drip",  # the true answer, byte by byte
    "cut",  # half of the true answer
)
STALE = "stale"  # an answer as it was earlier, as from a cache or a replica that lags


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """A script for one proxy, played anew by each that gets it.

    A ``share`` (0 to 1) of the requests whose path matches ``path`` meets one of ``kinds``, chosen by
    ``seed``; ``script`` names the faults of the first requests instead (empty: none). Orders in
    ``refused`` are answered 422 always, those in ``mixed_up`` with 200 and another order. From the
    ``locked``-th request to the ``unlocked``-th all are answered 401. ``seconds`` is how long a hang or a
    drip takes.
    """

    seed: int = 0
    share: float = 0.0
    kinds: tuple[str, ...] = KINDS
    path: str = ""
    script: tuple[str, ...] = ()
    refused: frozenset[int] = frozenset()
    mixed_up: frozenset[int] = frozenset()
    locked: int = 0
    unlocked: int = 0
    seconds: float = 2.0


CALM = Weather()


class Forecast:
    """What a weather holds for one request after the other."""

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self._dice = random.Random(weather.seed)
        self._seen = 0

    def next(self, path: str, order_id: int | None) -> str:
        """The fault of the next request; empty for none."""
        weather = self.weather
        if not re.search(weather.path, path):
            return ""
        self._seen += 1
        if weather.locked <= self._seen < weather.unlocked:
            return "401"
        if order_id in weather.refused:
            return "422"
        if order_id in weather.mixed_up:
            return "mixed-up"
        if self._seen <= len(weather.script):
            return weather.script[self._seen - 1]
        return self._dice.choice(weather.kinds) if self._dice.random() < weather.share else ""
