"""Points in time as others write them, read alike: ISO 8601 with what its writers add, and unix time.

Pure. What is read is aware UTC; a text without a zone is no point in time unless the caller knows the zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LONGEST = 80
_UNIX = re.compile(r"\d{9,13}", re.ASCII)
_FAR = Decimal(10**15)  # outside of the calendar, as milliseconds too
_MILLISECONDS_FROM = 10**11  # as seconds that would be the year 5138

# What follows a time: an offset, ``Z`` or a word for it, and RFC 9557's zone and calendar in brackets, which
# Java's ZonedDateTime writes. A minus can be typed as U+2212 (ISO 8601 wants that one).
_WRITTEN = re.compile(
    r"(?P<clock>[^\[\]]*?\d)\s*(?P<zone>z|utc|gmt|(?:utc|gmt)?[+\-−]\d\d(?::?\d\d(?::?\d\d)?)?)?"
    r"(?P<notes>(?:\[!?[\w\-+/=:.]+\])*)",
    re.ASCII | re.IGNORECASE,
)
# ISO 8601's end of a day, and RFC 3339's leap second, neither of which Python's calendar has.
_END_OF_DAY = re.compile(r"(?P<before>.*[T ])24(?P<after>:?00(:?00([.,]0*)?)?)", re.ASCII | re.IGNORECASE)
_LEAP_SECOND = re.compile(r"(?P<before>.*[T ]\d\d(:?)\d\d\2)60(?P<after>[.,]\d*)?", re.ASCII | re.IGNORECASE)


class NoZone(ValueError):
    """A time that states no zone, where nobody knows which one it is."""


def read(value: Any, zone: tzinfo | None = None) -> datetime:
    """A time in ISO 8601, or unix seconds or milliseconds as a number or as its digits.

    Raises NoZone, and ValueError for anything else; neither quotes the value.
    """
    if isinstance(value, str):
        text = value.strip()
        return unix(int(text)) if _UNIX.fullmatch(text) else iso(text, zone)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return unix(value)
    raise ValueError("not a time")


def unix(number: int | Decimal) -> datetime:
    """Unix seconds, or milliseconds where seconds would be in the year 5138 and later. Raises ValueError."""
    count = Decimal(number)
    if not count.is_finite():
        raise ValueError("not a time")
    count = max(-_FAR, min(count, _FAR))  # before any arithmetic, which has its limits
    seconds = count / 1000 if abs(count) >= _MILLISECONDS_FROM else count
    try:
        return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError:
        raise ValueError("not a time") from None


def iso(text: str, zone: tzinfo | None = None) -> datetime:
    """ISO 8601 and RFC 3339 with ``z``, a leap second, ``24:00``, `` UTC``, ``[Europe/Berlin]``.

    A stated offset counts before a zone in brackets, that before ``zone``. A date alone is its first instant.
    Raises NoZone, and ValueError for what is no time.
    """
    try:
        time = _time(text.strip())
        time = time.replace(tzinfo=zone) if time.tzinfo is None else time
        if time.tzinfo is None:
            raise NoZone("the time states no zone")
        return time.astimezone(UTC)
    except NoZone:
        raise
    except (ValueError, OverflowError):
        raise ValueError("not a time") from None


def has_clock(text: str) -> bool:
    """Whether the text says more than a day."""
    return ":" in text or "T" in text.upper()


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)  # nearly every one
    except ValueError:
        pass
    match = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError("not a time")
    clock, later = _within_the_calendar(match["clock"])
    time = datetime.fromisoformat(clock + _offset(match["zone"])) + later
    return time.replace(tzinfo=_named(match["notes"])) if time.tzinfo is None else time


def _within_the_calendar(clock: str) -> tuple[str, timedelta]:
    """The time in Python's calendar, and how much later it is meant."""
    if match := _END_OF_DAY.fullmatch(clock):
        return f"{match['before']}00{match['after']}", timedelta(days=1)
    if match := _LEAP_SECOND.fullmatch(clock):
        return f"{match['before']}59{match['after'] or ''}", timedelta(seconds=1)
    return clock, timedelta()


def _offset(written: str | None) -> str:
    if not written:
        return ""
    bare = written.upper().removeprefix("UTC").removeprefix("GMT").replace("−", "-")
    return "+00:00" if bare in ("", "Z") else bare


def _named(notes: str) -> tzinfo | None:
    """The zone in RFC 9557's brackets, which stands before calendars (``[u-ca=…]``)."""
    for note in re.findall(r"\[!?([^\]=]+)\]", notes):
        try:
            return ZoneInfo(note)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None
