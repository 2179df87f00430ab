"""Geometry for the page's drawings, in percent of their box: templates make SVG of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from connector.admin.status import AccountStatus, BackfillStatus
from connector.state.audit import Hour

STEPS = (1, 2, 5, 10)


class Part(msgspec.Struct, frozen=True):
    """A piece of a bar: where it begins and how long it is."""

    kind: str
    start: float
    length: float


class Column(msgspec.Struct, frozen=True):
    """One hour: its pieces from the bottom up."""

    hour: Hour
    parts: list[Part]


class Chart(msgspec.Struct, frozen=True):
    """Hours side by side; ``top`` is what the full height stands for."""

    columns: list[Column]
    top: int
    delivered: int
    refused: int
    repeated: int


def deliveries(hours: Sequence[Hour]) -> Chart:
    """Requests by hour, by what became of them."""
    top = _round_up(max((hour.delivered + hour.refused + hour.repeated for hour in hours), default=0))
    columns = []
    for hour in hours:
        parts: list[Part] = []
        height = 0.0
        for kind in ("delivered", "repeated", "refused"):
            length = 100.0 * getattr(hour, kind) / top
            height += length
            if length:
                parts.append(Part(kind, round(100.0 - height, 2), round(length, 2)))
        columns.append(Column(hour, parts))
    return Chart(
        columns,
        top,
        sum(hour.delivered for hour in hours),
        sum(hour.refused for hour in hours),
        sum(hour.repeated for hour in hours),
    )


def minute(account: AccountStatus) -> list[Part]:
    """What is used of an account's minute."""
    return [Part("used", 0.0, _percent(account.minute_used, account.per_minute))]


def day(account: AccountStatus) -> list[Part]:
    """What is used of an account's day, and at the end what is kept for live orders."""
    kept = _percent(account.kept_for_live, account.per_day)
    used = _percent(account.day_used, account.per_day)
    return [Part("kept", round(100.0 - kept, 2), kept), Part("used", 0.0, used)]


def progress(backfill: BackfillStatus) -> list[Part]:
    """What of a backfill is done, and what was read and waits."""
    total = backfill.total or backfill.found
    if backfill.state == "done":  # the shop may have counted orders that are gone
        return [Part("used", 0.0, 100.0)]
    done = _percent(backfill.delivered + backfill.skipped + backfill.failed, total)
    return [Part("read", 0.0, _percent(backfill.found, total)), Part("used", 0.0, done)]


def _percent(part: int, whole: int) -> float:
    return round(min(100.0, 100.0 * part / max(whole, 1)), 2)


def _round_up(value: int) -> int:
    """The next 1, 2 or 5 with noughts behind it, so that an axis says round numbers."""
    power = 1
    while 10 * power <= value:
        power *= 10
    return next(step * power for step in STEPS if step * power >= value)
