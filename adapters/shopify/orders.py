"""Polling, and history page by page.

Shopify's cursors are keysets (sort value and id), so rows that move while pages are read are read twice,
never missed, as long as a poll goes from old to new. Three things remain:

The lists come from a search index that lags behind the orders: under 10 s as a rule, half an hour seen. So a
round begins ``OVERLAP`` before the newest change of the last one, and never later than that before the last
round began; what is later still is for webhooks and the nightly reconcile.

Paging ends at 25,000 objects: well before, the filter moves on and the paging starts anew.

Bounds are whole seconds, and whether ``<`` and ``>`` exclude them is not certain: they are sent inclusive,
and what lies outside is dropped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.shopify.listing import Listing, Rows
from connector.model.errors import Hidden, Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk import keyset
from connector.sdk.contract import History, Page, Poll
from connector.sdk.fields import moment

OVERLAP = timedelta(minutes=10)
MOST_ROWS = 20_000  # Shopify stops at 25,000 (https://shopify.dev/docs/api/usage/limits)
FEW = 10  # rows, where only the newest orders are wanted

_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class PollCursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``at``: what changed until then has been read. The rest exists only within a round.

    ``began`` is Shopify's clock at the round's first answer, ``low`` the bound of the filter, ``after``
    Shopify's own cursor, ``rows`` how many were read with that filter, ``seen`` the newest change seen.
    ``gaps`` are the orders that could not be shown, which are tried again at the ends of rounds.
    """

    at: datetime
    began: datetime | None = None
    low: datetime | None = None
    after: str | None = None
    rows: int = 0
    seen: datetime | None = None
    gaps: tuple[keyset.Gap, ...] = ()


class HistoryCursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``before``: what was placed later has been read.

    ``after`` and ``rows`` as above; ``operation`` and ``line`` are of a bulk operation and how many of its
    orders have been read; ``tries`` counts operations, ``paged`` says that no more are to be started.
    """

    before: datetime
    total: int | None = None
    after: str | None = None
    rows: int = 0
    operation: str = ""
    line: int = 0
    tries: int = 0
    paged: bool = False
    gaps: tuple[keyset.Gap, ...] = ()


async def poll(read: Poll, listing: Listing) -> Page:
    """The next page of changes, oldest first."""
    if read.cursor is None:
        cursor = PollCursor(at=second(read.since))
    else:
        cursor = msgspec.json.decode(read.cursor, type=PollCursor)
    low = cursor.low or second(cursor.at - OVERLAP if read.cursor else cursor.at)
    rows = await listing.page(
        f"updated_at:>='{text(low)}'", sort="UPDATED_AT", reverse=False, after=cursor.after
    )
    began = cursor.began or rows.date or _NO_DATE
    times = [document.changed_at for document in rows.documents]
    seen = max([cursor.seen or cursor.at, *times])
    gaps = _with(cursor.gaps, rows.gap)
    if not rows.more:
        healed, gaps = await _again(listing, [gap for gap in gaps if gap.due(rows.date)], gaps, rows.date)
        ended = PollCursor(at=second(min(seen, began)), gaps=gaps)
        return _page(rows, [*rows.documents, *healed], ended, seen)
    count = cursor.rows + len(times)
    following = PollCursor(
        at=cursor.at, began=began, low=low, after=rows.end, rows=count, seen=seen, gaps=gaps
    )
    if count >= MOST_ROWS and times and second(min(times)) > low:
        # The earliest of the page: an order changed since it was indexed stands at its older place.
        following = msgspec.structs.replace(following, low=second(min(times)), after=None, rows=0)
    return _page(rows, rows.documents, following, seen)


async def history(read: History, cursor: HistoryCursor, listing: Listing) -> Page:
    """The next page of orders by the time they were placed, newest first."""
    rows = await listing.page(
        placed_between(read.since, cursor.before),
        sort="CREATED_AT",
        reverse=True,
        after=cursor.after,
        most=FEW if read.few else 250,
    )
    documents = placed_within(rows.documents, read)
    reached = oldest(rows.documents, cursor.before)
    count = cursor.rows + len(rows.documents)
    gaps = _with(cursor.gaps, rows.gap)
    if not rows.more:
        healed, gaps = await _again(listing, gaps, gaps, rows.date)
        documents = [*documents, *placed_within(healed, read)]
    following = msgspec.structs.replace(cursor, after=rows.end, rows=count, gaps=gaps)
    if count >= MOST_ROWS and reached < cursor.before:
        following = msgspec.structs.replace(following, before=reached, after=None, rows=0)
    return _page(rows, documents, following, reached, total=cursor.total)


def _with(gaps: tuple[keyset.Gap, ...], gap: keyset.Gap | None) -> tuple[keyset.Gap, ...]:
    """These, and another one; an order that is stepped over once more stands as it did."""
    if gap is None or any(gap.same(known) for known in gaps):
        return gaps
    keyset.must_be_few((*gaps, gap))
    return (*gaps, gap)


async def _again(
    listing: Listing, due: Sequence[keyset.Gap], gaps: tuple[keyset.Gap, ...], date: datetime | None
) -> tuple[list[Document], tuple[keyset.Gap, ...]]:
    """Try the orders again that are due, one by one; what came, and what still cannot be shown."""
    found: list[Document] = []
    for gap in due:
        try:
            document = await listing.order(gap.ref)
        except (Unavailable, Hidden):
            gaps = tuple(gap.trying(date) if one is gap else one for one in gaps)
            continue
        found += [document] if document is not None else []
        gaps = tuple(one for one in gaps if one is not gap)
    return found, gaps


def placed_between(since: datetime, before: datetime) -> str:
    """The filter for orders placed in these seconds, both included."""
    return f"created_at:>='{text(second(since))}' AND created_at:<='{text(second(before))}'"


def placed_within(documents: list[Document], read: History) -> list[Document]:
    """Those of exactly the span that is asked for, and those of which nobody knows."""

    def asked_for(document: Document) -> bool:
        placed_at = moment(document.body.get("createdAt"))
        return placed_at is None or read.since <= placed_at < read.until

    return [document for document in documents if asked_for(document)]


def oldest(documents: list[Document], before: datetime) -> datetime:
    """The second in which the last of them was placed, or ``before``."""
    times = [time for document in documents[-1:] if (time := moment(document.body.get("createdAt")))]
    return second(min([before, *times]))


def second(time: datetime) -> datetime:
    """The whole second of a time: Shopify tells times by them."""
    return max(time, _EARLIEST).astimezone(UTC).replace(microsecond=0)


def text(time: datetime) -> str:
    """As search filters take it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def written(cursor: PollCursor | HistoryCursor) -> str:
    """The cursor as the engine keeps it."""
    return exact_json.encode(cursor).decode()


def _page(
    rows: Rows,
    documents: list[Document],
    cursor: PollCursor | HistoryCursor,
    position: datetime,
    total: int | None = None,
) -> Page:
    return Page(
        documents=documents,
        cursor=written(cursor),
        more=rows.more,
        position=position,
        total=total,
        wait=rows.wait if rows.more else 0.0,
        gaps=[gap.sentence for gap in cursor.gaps],
    )
