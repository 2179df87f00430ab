"""Dates on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from connector.runtime.clock import Clock
from connector.sdk import timestamps


class Moment(click.ParamType[datetime]):
    """A date (its first instant, UTC) or an ISO 8601 time; without an offset it is UTC.

    ``past`` refuses what lies in the future, which would be a slip of the pen that finds nothing.
    """

    name = "date"

    def __init__(self, *, past: bool = False) -> None:
        self._past = past

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = timestamps.iso(value, UTC)
        except ValueError:
            self.fail(f"{value!r} is no date; write 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)
        now = Clock().now()
        if self._past and moment > now:
            self.fail(f"{value!r} lies in the future: it is {now:%Y-%m-%dT%H:%M}Z", param, ctx)
        return moment
