"""What no list of orders by change time shows: payments that moved.

A capture moves no order's ``updated_at``, and a refund for goods that came back moves neither the order's nor
the payment's: only the payment collection's (seen on 2.21.2, November 2026). Lists cannot be filtered by
that, but sorted: newest first, by offset, down to where the last round began. What moves goes to the top, so
rows are repeated, never lost; each page begins with the last row of the one before, to make sure that none
went away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from adapters.medusa.client import MOST_IDS, Client
from adapters.medusa.orders import OVERLAP
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk import keyset
from connector.sdk.contract import Page, Poll
from connector.sdk.fields import moment

NEWEST = {
    "order": "-payment_collection.updated_at",
    "fields": "id,payment_collection.updated_at,payment_collection.order.id",
}
ONE = {"limit": "1", "fields": "id"}

_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at``: from this instant on is to be read. Within a round ``began`` is the shop's clock at its first
    answer, ``read`` how many rows were read, ``newest`` and ``last`` the time of the first and the last.
    ``gaps`` are orders that could not be shown, which are tried again at the ends of rounds."""

    at: datetime
    began: datetime | None = None
    read: int = 0
    newest: datetime | None = None
    last: datetime | None = None
    gaps: tuple[keyset.Gap, ...] = ()


async def poll(read: Poll, client: Client) -> Page:
    """The orders of the next page of payments that moved. A payment of a cart that is no order has none."""
    if read.cursor is None:
        cursor = Cursor(max(read.since, _EARLIEST + OVERLAP).astimezone(UTC))
    else:
        cursor = msgspec.json.decode(read.cursor, type=Cursor)
    offset = max(cursor.read - 1, 0)
    answer = await client.get("payments", {**NEWEST, "limit": str(MOST_IDS), "offset": str(offset)})
    groups = [_part(row, "payment_collection") for row in answer.rows]
    times = _times(groups)
    if cursor.last and (not times or times[0] < cursor.last):  # one went away: what followed it moved up
        return _page([], Cursor(cursor.at, gaps=cursor.gaps), more=True)
    low = cursor.at - OVERLAP
    fresh = [group for group, time in zip(groups, times, strict=True) if time >= low]
    refs = dict.fromkeys(ref for group in fresh if (ref := _part(group, "order").get("id")))
    began = cursor.began or answer.date or _NO_DATE
    newest = cursor.newest or max([cursor.at, *times[:1]])
    seen = offset + len(times)
    # A page of one row only, the repeated one, is no progress, whatever the count says.
    if len(times) > min(offset, 1) and len(fresh) == len(times) and answer.count > seen:
        rest = Cursor(cursor.at, began, seen, newest, times[-1])
        wanted = list(refs)
    else:
        rest = Cursor(min(newest, began))
        wanted = [*refs, *(gap.ref for gap in cursor.gaps if gap.due(answer.date) and gap.ref not in refs)]
    documents, bad = await _orders(client, wanted)
    known = {gap.ref: gap for gap in cursor.gaps}
    for ref, error in bad.items():
        gap = keyset.Gap(reason=keyset.reason_of(error), ref=ref, tried=answer.date)
        known[ref] = known[ref].trying(answer.date) if ref in known else gap
    gaps = tuple(gap for ref, gap in known.items() if ref in bad or ref not in wanted)
    keyset.must_be_few(gaps)
    return _page(documents, msgspec.structs.replace(rest, gaps=gaps), more=rest.read > 0)


async def _orders(client: Client, refs: Sequence[str]) -> tuple[list[Document], dict[str, Unavailable]]:
    """These orders, and the faults of those that the server fails to show."""
    try:
        documents = await keyset.twice(partial(client.orders, refs), partial(client.get, "payments", ONE))
        return documents, {}
    except keyset.Bad as bad:
        if len(refs) == 1:
            return [], {refs[0]: bad.error}
    half = len(refs) // 2
    (some, bad_ones), (others, more) = await _orders(client, refs[:half]), await _orders(client, refs[half:])
    return [*some, *others], bad_ones | more


def _page(documents: Sequence[Document], rest: Cursor, *, more: bool) -> Page:
    return Page(
        documents=documents,
        cursor=exact_json.encode(rest).decode(),
        more=more,
        position=rest.at,
        gaps=[gap.sentence for gap in rest.gaps],
    )


def _times(rows: Sequence[dict[str, Any]]) -> list[datetime]:
    """Newest first. Raises Unavailable: going on from the last of unsorted rows would lose some."""
    times = [time for time in (moment(row.get("updated_at")) for row in rows) if time]
    if len(times) < len(rows):
        raise Unavailable("the shop answered nonsense: a row of a list has no updated_at", maybe_done=True)
    if any(earlier < later for earlier, later in pairwise(times)):
        raise Unavailable(
            f"the shop does not sort its payments by time (order={NEWEST['order']})", maybe_done=True
        )
    return times


def _part(row: dict[str, Any], name: str) -> dict[str, Any]:
    part = row.get(name)
    return part if isinstance(part, dict) else {}
