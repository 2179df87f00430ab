"""A closed stretch of time on its way from its last row to its first.

A list that is read page by page from the front loses rows: one that is edited leaves its place, what follows
moves up, and the row on the border is never shown. So a stretch of time that holds more than a page is closed
at both ends, sorted by id, counted, and read **from its end to its beginning**. Rows can only leave it (by an
edit, which moves their time out of it); then what follows moves to a page that is still to be read: a repeat,
which its id tells, never a gap. Rows that enter it, committed late, are counted: then it begins anew. And no
two rows have one id, so that thousands of one instant are like any others.

A row that the shop cannot show (its PHP ends with a fault at one order) is looked for by ever smaller pages,
stepped over, and kept as a ``Gap``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.sdk.keyset.gaps import Gap, reason_of
from connector.sdk.keyset.listing import Ask, Bad, Listing, Rows, by_id, must_be_sorted

_RESTARTS = 3
_MOST_STALE = 5
_LATER = (1, 2, 4, 8, 16, 32)


class Window(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``left`` rows are still to be read, of ``count`` at the beginning; None: they are not counted yet.

    ``edge`` is the ref of the last row handed over, ``read`` how many were. ``fine`` is a smaller size of
    pages, down to position ``coarse``: something between cannot be shown. ``stepped`` is the lowest position
    that was stepped over, ``over`` how many were. ``before`` is the edge of an earlier reading of the same
    window. ``stale`` pages in a row brought nothing new. ``short``: pages came shorter than asked for.
    ``narrowed``: how often it was cut because it held too many. ``retry``: it was read before, and is read
    again for its gaps.
    """

    low: datetime
    high: datetime | None
    left: int | None = None
    count: int = 0
    edge: str = ""
    read: int = 0
    fine: int = 0
    coarse: int = 0
    stepped: int = 0
    over: int = 0
    before: str = ""
    restarts: int = 0
    stale: int = 0
    narrowed: int = 0
    short: bool = False
    retry: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing of it is left."""
        return self.left == 0

    def anew(self, **changes: object) -> Window:
        """From its end again."""
        return msgspec.structs.replace(
            self,
            left=None,
            edge="",
            read=0,
            fine=0,
            stepped=0,
            over=0,
            stale=0,
            before=self.edge or self.before,
            restarts=self.restarts + 1,
            **changes,
        )


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one step brought, and what is left. ``repeats`` of the documents were handed over before."""

    window: Window
    documents: Sequence[Document] = ()
    repeats: int = 0
    gap: Gap | None = None
    date: datetime | None = None


async def first(listing: Listing, low: datetime, high: datetime | None) -> tuple[Rows, bool]:
    """The first page, and whether it is all there is. Its count is None when it cannot be trusted.

    Raises AuthError and Unavailable. Where a row cannot be shown the page is smaller, or begins later.
    """
    size = listing.size.rows
    while True:
        ask = Ask(low=low, high=high, start=0, size=size)
        try:
            rows = await listing.rows(ask)
            break
        except Bad as bad:
            if size == 1:
                return await _later(listing, low, high, bad), False
            size = _smaller(listing, size, bad)
    came = len(rows.documents)
    if not came or (came < size and rows.count == came):
        return rows, True
    must_be_sorted(listing.list, rows)
    if rows.count is not None and rows.count > came:
        return rows, False
    # No count, or a page just full: a count that says no more could be made up out of the page.
    try:
        more = await listing.rows(Ask(low=low, high=high, start=came, size=came))
    except Bad:
        return msgspec.structs.replace(rows, count=None), False
    known = {one.ref for one in rows.documents}
    if not more.documents or (came < size and all(one.ref in known for one in more.documents)):
        return rows, True
    if came < size:
        listing.size.capped(came)
    return msgspec.structs.replace(rows, count=None), False


async def step(listing: Listing, window: Window) -> Part:
    """Read one page of a counted window. Raises AuthError and Unavailable."""
    assert window.left
    while True:
        start, size = _choice(window, listing.size.rows)
        try:
            rows = await listing.rows(Ask(low=window.low, high=window.high, start=start, size=size))
        except Bad as bad:
            if size == 1:
                return await _stepped_over(listing, window, start, bad)
            coarse = window.coarse if window.fine else start
            window = msgspec.structs.replace(window, fine=_smaller(listing, size, bad), coarse=coarse)
        else:
            return _taken(listing, window, rows, start, size)


def _choice(window: Window, usual: int) -> tuple[int, int]:
    """Where the next page begins, and its size: never over a row that was stepped over."""
    assert window.left
    size = min(window.fine or usual, usual)
    while True:
        start = (window.left - 1) // size * size
        if size == 1 or not window.over or start + size <= window.stepped:
            return start, size
        size //= 2


def _smaller(listing: Listing, size: int, bad: Bad) -> int:
    """For this place; and for all, where the weight of the page is the fault."""
    if bad.error.heavy:
        listing.size.too_heavy(size)
    return size // 2


async def _later(listing: Listing, low: datetime, high: datetime | None, bad: Bad) -> Rows:
    """The first row cannot be shown: one of those after it tells how many there are."""
    for start in _LATER:
        try:
            rows = await listing.rows(Ask(low=low, high=high, start=start, size=1))
        except Bad:
            continue
        count = max(rows.count or 0, start + len(rows.documents))
        return Rows(documents=(), count=count, date=rows.date)
    raise bad.error


def _taken(listing: Listing, window: Window, rows: Rows, start: int, size: int) -> Part:
    must_be_sorted(listing.list, rows)
    order, came = listing.list.order, len(rows.documents)
    below = order(window.edge) if window.edge else None
    fresh = [one for one in rows.documents if below is None or order(one.ref) < below]
    handed = order(window.before) if window.before else None
    repeats = sum(1 for one in fresh if handed is not None and order(one.ref) >= handed)
    count = rows.count
    # Past the end nothing is known: some shops then say that there is nothing at all.
    grown = came > 0 and count is not None and count > window.count
    cut = 0 < came < size and count is not None and start + came < min(count, window.left or 0)
    stale = 0 if fresh else window.stale + 1
    if (grown or (cut and not window.short) or stale > _MOST_STALE) and window.restarts < _RESTARTS:
        if cut:
            listing.size.capped(came)
        return Part(window=window.anew(short=window.short or cut), date=rows.date)
    if stale > _MOST_STALE:
        raise Unavailable(
            f"the shop says that its list of orders has {window.count} rows, and shows "
            f"{'the same ones again and again' if came else 'none'} where they should be"
        )
    rest = msgspec.structs.replace(
        window,
        left=start,
        edge=fresh[0].ref if fresh else window.edge,
        read=window.read + len(fresh),
        fine=window.fine if start > window.coarse else 0,
        stale=stale,
    )
    part = Part(window=rest, documents=fresh, repeats=repeats, date=rows.date)
    counted = min(count or 0, window.count) if window.high else 0  # an open end may always hold more
    if start or rest.read + rest.over >= counted:
        return part
    if not window.restarts:
        return msgspec.structs.replace(part, window=rest.anew())
    return msgspec.structs.replace(part, gap=_uncounted(rest, rows, counted))


def _uncounted(window: Window, rows: Rows, count: int) -> Gap:
    shown = window.read + window.over
    return Gap(
        reason=f"the shop counts {count} orders and shows {shown}",
        low=window.low,
        high=window.high,
        missing=count - shown,
        tried=rows.date,
    )


def _between(after: str, before: str) -> str:
    """The only id that can be between two; empty where there are several, or none that is known."""
    if not (by_id(after)[0] == by_id(before)[0] == 0):
        return ""
    return str(int(after) + 1) if int(before) - int(after) == 2 else ""


async def _stepped_over(listing: Listing, window: Window, position: int, bad: Bad) -> Part:
    ask = Ask(low=window.low, high=window.high, start=position, size=1)
    ref = ""
    if listing.list.locate is not None:
        try:
            ref = await listing.list.locate(ask)
        except Unavailable:
            ref = ""
    before = "" if ref else window.edge
    after, date = "", None
    if not ref and position:
        try:
            rows = await listing.rows(msgspec.structs.replace(ask, start=position - 1))
            after, date = "".join(one.ref for one in rows.documents[:1]), rows.date
        except Bad:
            after = ""
    if after and before and not ref and _between(after, before):
        ref, after, before = _between(after, before), "", ""
    gap = Gap(
        reason=reason_of(bad.error),
        low=window.low,
        high=window.high,
        ref=ref,
        after=after,
        before=before,
        tried=date,
    )
    rest = msgspec.structs.replace(
        window,
        left=position,
        stepped=position,
        over=window.over + 1,
        fine=0,
    )
    return Part(window=rest, gap=gap, date=date)
