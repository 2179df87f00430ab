"""Dates on the command line, and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click


class Moment(click.ParamType[datetime]):
    """A date (its first instant, UTC) or an ISO 8601 time; without an offset it is UTC."""

    name = "date"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def for_people(span: timedelta) -> str:
    """A duration in its two largest units: ``3 days 4 h``, ``17 min``, ``45 s``."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, for a table."""
    return "never" if moment is None else f"{for_people(max(now - moment, timedelta()))} ago"
