"""Rows of a list, kept as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk.fields import moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def document(body: dict[str, Any]) -> Document:
    """The row with its id and change time.

    The order's own ``updatedAt`` stands still while it is placed, paid, shipped and refunded; those of its
    payments, refunds and fulfilments move. Raises Unavailable for what cannot be told from other rows.
    """
    ref = body.get("id")
    if not isinstance(ref, str) or not ref:
        raise Unavailable("the shop answered nonsense: a row of its orders has no usable id", maybe_done=True)
    return Document(ref=ref, changed_at=max(_changes(body), default=_EPOCH), body=body)


def _changes(body: Mapping[str, Any]) -> Iterator[datetime]:
    payments = _rows(body, "payments")
    refunds = [refund for payment in payments for refund in _rows(payment, "refunds")]
    for part in (body, *payments, *refunds, *_rows(body, "fulfillments")):
        for name in ("updatedAt", "orderPlacedAt"):
            time = moment(part.get(name))
            if time is not None:
                yield time


def _rows(part: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = part.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
