"""Durations and percentages as the configuration writes them (``90s``, ``7d``; ``10%``), and for people."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?[smhd]$"
PERCENT_PATTERN = r"^[0-9]+(\.[0-9]+)?%$"
LONGEST = timedelta(days=3650)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(DURATION_PATTERN)
_PERCENT = re.compile(PERCENT_PATTERN)


def parse_duration(value: object) -> timedelta:
    """The duration that a text such as ``90s`` names. Raises ValueError with the allowed forms."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not _DURATION.match(text):
        raise ValueError("a duration is a number and its unit, for example 90s, 5m, 2h or 7d")
    seconds = float(text[:-1]) * _SECONDS[text[-1]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"the longest duration is {LONGEST.days}d")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """The duration in the largest unit that divides it: ``timedelta(minutes=5)`` is ``5m``."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:g}s"


def parse_percent(value: object) -> float:
    """The fraction (0 up to, not including, 1) that a text such as ``10%`` names. Raises ValueError."""
    if isinstance(value, str) and _PERCENT.match(value.strip()):
        value = float(value.strip()[:-1]) / 100
    if not isinstance(value, float) or not 0 <= value < 1:
        raise ValueError("a share is written in percent, from 0% up to 99%")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "5m", "2h", "7d"]}),
]
Percent = Annotated[
    float,
    BeforeValidator(parse_percent),
    PlainSerializer(lambda share: f"{share * 100:g}%", return_type=str),
    WithJsonSchema({"type": "string", "pattern": PERCENT_PATTERN, "examples": ["10%"]}),
]


def at_least(shortest: str) -> AfterValidator:
    """The check that a duration is not shorter than ``shortest``."""
    bound = parse_duration(shortest)

    def check(duration: timedelta) -> timedelta:
        if duration < bound:
            raise ValueError(f"the shortest duration here is {shortest}")
        return duration

    return AfterValidator(check)


def for_people(span: timedelta) -> str:
    """A duration in its two largest units: ``3 days 4 h``, ``17 min``, ``45 s``."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def live_text(live_from: datetime | None) -> str:
    """Since when a store's orders are live, for people."""
    if live_from is None:
        return (
            "not live yet: that begins with the first run, sync or backfill, and what was placed before is "
            "history, which writes to nobody"
        )
    return (
        f"live from {live_from:%Y-%m-%d %H:%M}Z on: what was placed before is history, which writes to nobody"
    )


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, for people."""
    return "never" if moment is None else f"{for_people(max(now - moment, timedelta()))} ago"
