"""The hour a year in which bounds of WooCommerce's order lists cannot be trusted to the second.

A naive UTC bound sent with ``dates_are_gmt=true`` is built as a local time first. If it falls into the hour
that the site's own clock skips in spring, it is moved on by an hour: New York reads ``2026-03-08T02:10:00``
as 03:10, and orders in between would be missed (read in the source of 10.5.0, tried with PHP).

Such a stretch is read in one piece: no bound is ever put inside it.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
_WIDEST = 2 * 24 * 3600  # seconds; the longest jump ever made was a day (Samoa, 2011)


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

    def stretch(self, second: datetime) -> tuple[datetime, datetime]:
        """The shortest stretch around ``second`` both ends of which can be sent as bounds: mostly one second.

        From the first (inclusive) to the second (exclusive), whole seconds, aware UTC.
        """
        if self._zone is None or not self._beside_skipped(second):
            return second, second + SECOND

        def length(step: timedelta) -> int:
            """Of the unbroken run of such seconds."""
            return bisect_left(
                range(_WIDEST), True, key=lambda n: not self._beside_skipped(second + n * step)
            )

        return second - (length(-SECOND) - 1) * SECOND, second + length(SECOND) * SECOND

    def _beside_skipped(self, moment: datetime) -> bool:
        """With a second on either side: the bound of one second is written as its neighbour."""
        return any(self._skipped(moment + step) for step in (-SECOND, 0 * SECOND, SECOND))

    def _skipped(self, moment: datetime) -> bool:
        """Whether the digits of this UTC time, read as local time, name a time that never was."""
        local = moment.replace(tzinfo=self._zone)
        return local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != local.replace(tzinfo=None)
