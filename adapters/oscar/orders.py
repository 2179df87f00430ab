"""Finding changes in a list that has no filter, no sorting of our choice and no change times.

``GET admin/orders/`` shows every order, newest first, in one array, or in pages where the project sets
orders. Each round reads from the top: down to where everything was known the last time, and at least as many
orders as are watched. A digest of each watched order is carried in the cursor; what is new or has another
digest is a change.

A round gives a limited number of orders, because each costs a request for its lines; the next call begins
anew at the top, and finds the digests of those already given.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec

from adapters.oscar.client import ORDERS, Client, Listed, ids_of
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk import keyset
from connector.sdk.contract import History, Page, Poll
from connector.sdk.fields import moment

MOST = 50  # orders a call
MOST_ROWS = 20_000  # of the list that a poll goes through
OVERLAP = timedelta(minutes=10)  # an order is dated in its checkout, and seen when that is committed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PollCursor(msgspec.Struct, frozen=True):
    """Orders placed up to ``at`` were seen. ``digests`` are those of the watched orders, by their ids."""

    at: datetime
    digests: Mapping[str, str]


class HistoryCursor(msgspec.Struct, frozen=True):
    """``at`` is when the last order given was placed, ``given`` those of that very moment.

    ``query`` is that of the page it stood on. ``gaps`` are orders that could not be read.
    """

    at: datetime
    given: Sequence[str]
    query: Mapping[str, str]
    total: int | None = None
    gaps: tuple[keyset.Gap, ...] = ()


class _Row(msgspec.Struct, frozen=True):
    ref: str
    placed_at: datetime
    body: dict[str, Any]


async def poll(read: Poll, client: Client, watch: int) -> Page:
    """What is new or changed, the oldest order first."""
    known = msgspec.json.decode(read.cursor, type=PollCursor) if read.cursor else PollCursor(read.since, {})
    rows = await _newest(client, known.at, watch)
    digests = {row.ref: digest(row.body) for row in rows}
    changes = [
        row
        for row in reversed(rows)
        # An unknown order from before was not there to be watched: it has not changed as far as we know.
        if known.digests.get(row.ref, "" if row.placed_at >= known.at else digests[row.ref])
        != digests[row.ref]
    ]
    documents: list[Document] = []
    gaps: list[keyset.Gap] = []
    for row in changes[:MOST]:
        try:
            documents.append(await _twice(client, row))
        except keyset.Bad as bad:  # it stays a change, so the next round tries it again
            gaps.append(keyset.Gap(reason=keyset.reason_of(bad.error), ref=row.ref))
            keyset.must_be_few(gaps)
            digests[row.ref] = known.digests.get(row.ref, "")
    for row in changes[MOST:]:
        old = known.digests.get(row.ref)
        if old is None:
            del digests[row.ref]
        else:
            digests[row.ref] = old
    more = len(changes) > MOST
    newest = rows[0].placed_at - OVERLAP if rows else known.at
    at = known.at if more else max(known.at, newest)
    return Page(
        documents=documents,
        cursor=exact_json.encode(PollCursor(at, digests)).decode(),
        more=more,
        position=at,
        gaps=[gap.sentence for gap in gaps],
    )


async def history(read: History, client: Client) -> Page:
    """Orders by the time they were placed, newest first. ``total`` only where the shop does not page."""
    cursor = (
        msgspec.json.decode(read.cursor, type=HistoryCursor)
        if read.cursor
        else HistoryCursor(read.until, (), {})
    )
    documents: list[Document] = []
    total = cursor.total
    async for listed, query in _pages(client, cursor):
        rows = _rows(listed)
        if listed.whole and read.cursor is None:
            total = sum(read.since <= row.placed_at < read.until for row in rows)
        for row in rows:
            if row.placed_at >= read.until or row.placed_at > cursor.at or row.ref in cursor.given:
                continue
            if row.placed_at < read.since:
                return _history_page(documents, cursor, total, more=False)
            if len(documents) == MOST:
                return _history_page(documents, cursor, total, more=True)
            gaps = cursor.gaps
            try:
                documents.append(await _twice(client, row))
            except keyset.Bad as bad:
                gaps = (*gaps, keyset.Gap(reason=keyset.reason_of(bad.error), ref=row.ref))
                keyset.must_be_few(gaps)
            given = [*cursor.given, row.ref] if row.placed_at == cursor.at else [row.ref]
            cursor = HistoryCursor(row.placed_at, given, query, gaps=gaps)
    return _history_page(documents, cursor, total, more=False)


async def _twice(client: Client, row: _Row) -> Document:
    """The row's document. Raises AuthError, Unavailable, and Bad when the shop fails at this order only."""
    return await keyset.twice(partial(document, client, row.body), partial(client.order, row.ref))


async def document(client: Client, body: dict[str, Any]) -> Document:
    """The row with its lines in the place of the link to them. Raises Unavailable for nonsense."""
    ref = reference(body)
    return whole(body, await client.lines(ref, body))


def whole(body: dict[str, Any], lines: list[dict[str, Any]]) -> Document:
    """Oscar keeps no change time, so that of placing stands for it; of two versions the later read counts."""
    placed_at = moment(body.get("date_placed")) or _EPOCH
    return Document(ref=reference(body), changed_at=placed_at, body={**body, "lines": lines})


def together(body: dict[str, Any]) -> Document:
    """A document with its lines, or with ``order`` and ``lines`` apart. Raises Unavailable for nonsense."""
    row = body["order"] if isinstance(body.get("order"), dict) else body
    return whole(row, body.get("lines") or [])


def reference(body: Mapping[str, Any]) -> str:
    """The primary key, which stands in the order's own link only. Raises Unavailable."""
    ids = ids_of(body.get("url"))
    if not ids:
        raise Unavailable(
            "the shop answered nonsense: a row of its orders has no usable url", maybe_done=True
        )
    return ids[-1]


def digest(body: Mapping[str, Any]) -> str:
    """Of all that the list shows, but for the link to pay, which may hold a token of its own."""
    shown = {name: value for name, value in body.items() if name != "payment_url"}
    return sha256(exact_json.encode(shown)).hexdigest()[:10]


async def _newest(client: Client, since: datetime, watch: int) -> list[_Row]:
    """The orders placed since then, and at least ``watch``, newest first."""
    rows: dict[str, _Row] = {}
    async for listed, _ in client.pages(ORDERS, {}):
        for row in _rows(listed):
            if len(rows) >= watch and row.placed_at < since:
                return list(rows.values())
            rows.setdefault(row.ref, row)
        if len(rows) > MOST_ROWS:
            raise Unavailable(
                f"the shop lists more than {MOST_ROWS} orders since {since:%Y-%m-%d %H:%M} UTC, more than a "
                "poll is for: set live_from to a later time, and bring the past in with backfill"
            )
    return list(rows.values())


async def _pages(client: Client, cursor: HistoryCursor) -> AsyncIterator[tuple[Listed, Mapping[str, str]]]:
    """From the page where the cursor stands; from the first where that page has moved up beyond it."""
    query = cursor.query
    if query:
        listed = await client.orders(query)
        if not any(row.placed_at >= cursor.at for row in _rows(listed)):
            query = {}
    async for page in client.pages(ORDERS, query):
        yield page


def _rows(listed: Listed) -> list[_Row]:
    """Raises Unavailable when they are not newest first: reading down to a time would then lose orders."""
    rows = [_Row(reference(body), moment(body.get("date_placed")) or _EPOCH, body) for body in listed.rows]
    if any(a.placed_at < b.placed_at for a, b in pairwise(rows)):
        raise Unavailable(
            "the shop does not list its orders newest first; is their default ordering changed?"
        )
    return rows


def _history_page(documents: list[Document], cursor: HistoryCursor, total: int | None, *, more: bool) -> Page:
    following = msgspec.structs.replace(cursor, total=total)
    return Page(
        documents=documents,
        cursor=exact_json.encode(following).decode(),
        more=more,
        position=cursor.at,
        total=total,
        gaps=[gap.sentence for gap in cursor.gaps],
    )
