"""Fields of a platform's document: text, times, objects and lists, read or refused by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

import msgspec

from connector.model.errors import BadOrder
from connector.sdk import timestamps

T = TypeVar("T")

Part = Mapping[str, Any]


def text(value: Any) -> str:
    """Text without spaces around it, or a whole number as text; everything else is absence."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def part_of(body: Part, name: str, place: str = "") -> Part:
    """An object, empty when there is none (PHP prints an empty one as ``[]``).

    ``place`` is what a message calls it, if not ``name``. Raises BadOrder.
    """
    part = body.get(name) or {}
    if not isinstance(part, dict):
        raise BadOrder(place or name, "is not an object")
    return part


def rows_of(body: Part, name: str, place: str = "") -> Sequence[Part]:
    """A list of objects, empty when there is none. ``place`` as above. Raises BadOrder."""
    rows = body.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadOrder(place or name, "is not a list of objects")
    return rows


def moment(value: Any, zone: tzinfo | None = None) -> datetime | None:
    """A time in ISO 8601 as aware UTC, by ``timestamps``; None when it is none, or a day only.

    ``zone`` counts for a platform that writes its times without one; otherwise such a text is no time.
    """
    if not isinstance(value, str) or not timestamps.has_clock(value):
        return None
    try:
        return timestamps.iso(value, zone)
    except ValueError:
        return None


def moment_of(body: Part, name: str, zone: tzinfo | None = None) -> datetime:
    """The time that must be there. Raises BadOrder."""
    time = moment(body.get(name), zone)
    if time is None:
        raise BadOrder(name, "is missing or not a time")
    return time


def earliest(*times: datetime | None) -> datetime | None:
    """The earliest of the times that a platform states for one placing; None is none."""
    return min((time for time in times if time is not None), default=None)


def shaped(body: Part, kind: type[T]) -> T:
    """The body in its shape, a msgspec struct. Raises BadOrder naming the field; values are not quoted."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise BadOrder(where.strip("`.") or "order", what) from None


def utc(time: datetime, field: str) -> datetime:
    """An aware time in UTC. Raises BadOrder for one that UTC's calendar does not have."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise BadOrder(field, "the time is outside of the calendar") from None
