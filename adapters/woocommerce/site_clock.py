"""The two hours a year in which WooCommerce's order lists cannot be trusted to the second.

*Spring.* A naive UTC bound sent with ``dates_are_gmt=true`` is built as a local time first. If it falls into
the hour that the site's own clock skips, it is moved on by an hour: New York reads ``2026-03-08T02:10:00``
as 03:10, and orders in between would be missed.

*Autumn.* Legacy storage sorts by local time (``post_modified``, ``post_date``), which runs twice through one
hour, so in those two hours of UTC the order of rows is not the order of their UTC times.

Such a stretch is read in one piece: no bound is ever put inside it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

SECOND = timedelta(seconds=1)
_WIDEST = 2 * 24 * 3600  # seconds; the longest jump ever made was a day (Samoa, 2011)


class Span(msgspec.Struct, frozen=True):
    """Whole seconds from ``start`` (inclusive) to ``end`` (exclusive), aware UTC."""

    start: datetime
    end: datetime


class SiteClock:
    """The site's own wall clock. ``zone`` is None where it never jumps."""

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone

    @classmethod
    def of(cls, index: dict[str, Any]) -> SiteClock:
        """From WordPress's index: a site with a fixed ``gmt_offset`` has no ``timezone_string``.

        Raises ValueError when the zone is not known to this machine.
        """
        name = index.get("timezone_string")
        if not isinstance(name, str) or not name:
            return cls()
        try:
            return cls(ZoneInfo(name))
        except (KeyError, OSError) as error:
            raise ValueError(name) from error

    def span(self, second: datetime) -> Span:
        """The shortest span around ``second`` both ends of which can be sent as bounds: mostly one second."""
        if self._zone is not None:
            for odd in (self._beside_skipped, self._repeated):
                if odd(second):
                    return _run(odd, second)
        return Span(second, second + SECOND)

    def _beside_skipped(self, moment: datetime) -> bool:
        """With a second on either side: the bound of one second is written as its neighbour."""
        return any(self._skipped(moment + step) for step in (-SECOND, 0 * SECOND, SECOND))

    def _skipped(self, moment: datetime) -> bool:
        """Whether the digits of this UTC time, read as local time, name a time that never was."""
        local = moment.replace(tzinfo=self._zone)
        return local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != local.replace(tzinfo=None)

    def _repeated(self, moment: datetime) -> bool:
        """Whether the site's clock shows the local time of this moment twice."""
        local = moment.astimezone(self._zone)
        return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _run(odd: Callable[[datetime], bool], second: datetime) -> Span:
    """The unbroken run of odd seconds around ``second``."""

    def length(step: timedelta) -> int:
        return bisect_left(range(_WIDEST), True, key=lambda n: not odd(second + n * step))

    return Span(second - (length(SECOND * -1) - 1) * SECOND, second + length(SECOND) * SECOND)
