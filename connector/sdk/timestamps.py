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


# Calendar dates without marks between their parts, as spreadsheets and old systems write them.
_DIGITS = re.compile(
    r"(?P<day>(?:19|20|21)\d{6})(?P<clock>\d{4}(?:\d\d)?)(?P<fine>\d{3})?(?P<rest>\D.*)?", re.ASCII
)
_SHORT = (("%y%m%d%H%M%S", 12), ("%y%m%d%H%M", 10), ("%Y%m%d%H", 10), ("%d%m%y%H%M", 10), ("%m%d%y%H%M", 10))


class NoZone(ValueError):
    """A time that states no zone, where nobody knows which one it is."""


class Ambiguous(ValueError):
    """Digits that fit a calendar date and unix time alike: an old order could pass for a new one."""


def read(value: Any, zone: tzinfo | None = None) -> datetime:
    """A time in ISO 8601, or unix seconds or milliseconds as a number or as its digits.

    Digits that fit a calendar date are never read as unix time: with the whole year they are that date
    (``20260601120000``), else it is unclear what is meant. Raises NoZone, Ambiguous, and ValueError for
    anything else; none quotes the value.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _UNIX.fullmatch(text) or _compact(text):
            return iso(text, zone)
        if any(_fits(text, form, length) for form, length in _SHORT):
            raise Ambiguous("digits that fit a calendar date and unix time alike")
        return unix(int(text))
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
    Digits alone are a calendar date with its whole year (8, 12, 14 or, with milliseconds, 17 of them).
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


def _compact(text: str) -> str:
    """``202606011200`` and its kind with ISO 8601's T; empty for what is no such date."""
    match = _DIGITS.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return ""
    day, clock, fine, rest = match["day"], match["clock"], match["fine"], match["rest"] or ""
    if not _fits(day + clock, "%Y%m%d%H%M%S" if len(clock) == 6 else "%Y%m%d%H%M", 8 + len(clock)):
        return ""
    return f"{day}T{clock}{f'.{fine}' if fine else ''}{rest}"


def _fits(digits: str, form: str, length: int) -> bool:
    if len(digits) != length:
        return False
    try:
        datetime.strptime(digits, form)  # noqa: DTZ007 only asked whether there is such a date
    except ValueError:
        return False
    return True


def _time(text: str) -> datetime:
    text = _compact(text) or text
    if text.isdecimal() and len(text) != len("20260601"):
        raise ValueError("not a time")  # Python takes a digit in the middle for what stands before the clock
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
