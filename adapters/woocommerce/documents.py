"""Rows of a list, kept as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connector.errors import Unavailable
from connector.order import Document

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def document(row: Any) -> Document:
    """The row with its id and change time.

    A row whose times cannot be read is handed on all the same, so that it is kept and shown as failed.
    Raises Unavailable for what cannot be told from other rows.
    """
    ref = row.get("id") if isinstance(row, dict) else None
    if not isinstance(ref, int) or isinstance(ref, bool) or ref <= 0:
        raise Unavailable("the shop answered nonsense: a row of its orders has no usable id", maybe_done=True)
    changed_at = moment(row.get("date_modified_gmt")) or moment(row.get("date_created_gmt")) or _EPOCH
    return Document(ref=str(ref), changed_at=changed_at, body=row)


def moment(value: Any) -> datetime | None:
    """A ``…_gmt`` field (UTC without saying so) as aware UTC; None when it is not a time."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
