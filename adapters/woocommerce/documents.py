"""Rows of a list, kept as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk.fields import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def document(row: Any) -> Document:
    """The row with its id and change time.

    A row whose times cannot be read is handed on all the same, so that it is kept and shown as failed.
    Raises Unavailable for what cannot be told from other rows.
    """
    ref = row.get("id") if isinstance(row, dict) else None
    if not isinstance(ref, int) or isinstance(ref, bool) or ref <= 0:
        raise Unavailable("the shop answered nonsense: a row of its orders has no usable id", maybe_done=True)
    changed_at = (
        moment(row.get("date_modified_gmt"), UTC) or moment(row.get("date_created_gmt"), UTC) or _EPOCH
    )
    return Document(ref=str(ref), changed_at=changed_at, body=row)
