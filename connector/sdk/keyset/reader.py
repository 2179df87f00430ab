"""Polls a list, and reads its history.

*A poll* begins a little (``overlap``) before where the last one ended, once a round: a row is dated before
its transaction ends, and clocks of several servers differ. Mostly that is one page. When it is more, the time
up to the present is closed and read window by window (see ``window``), the oldest first. It is closed
``overlap`` before the shop's present, where nothing comes in any more; what comes in late after that is read
by the next round, which begins there. The cursor never passes the shop's own clock at the round's beginning,
so that no order dated in the future pushes it ahead.

*History* goes backwards, window by window. A window is as wide as some pages take; a long offset is slow.

One call reads one page, and its cursor is all there is to go on from: nothing of a round is lost by a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk.contract import History, Page, Poll
from connector.sdk.keyset.gaps import Gap, must_be_few
from connector.sdk.keyset.listing import List, Listing
from connector.sdk.keyset.page_size import PageSize
from connector.sdk.keyset.window import Part, Window, first, step

_PAGES = 20  # of a window, about
_MOST_PAGES = 100  # of a window that is left as it is
_FULL = 0.8  # how much of that is aimed at
_NARROWEST = 0.001  # seconds; a list's resolution counts where it is more
_WIDER = 8  # times as wide as the last one, at most, is the next window
_NO_DATE = datetime(9999, 12, 31, tzinfo=UTC)


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``at``: a poll has read what is before it, a history what is from it on.

    Within a round ``began`` is the shop's clock at its first answer, ``newest`` the latest time seen, ``end``
    up to where it is read in windows. ``width`` (seconds) is that of the next window, ``total`` the number of
    a history's orders by the first answer. ``countless``: the shop does not say how many rows there are.
    ``trying`` are those of the gaps that are being read again: the one order, or all of the window.
    """

    at: datetime
    began: datetime | None = None
    newest: datetime | None = None
    end: datetime | None = None
    countless: bool = False
    window: Window | None = None
    gaps: tuple[Gap, ...] = ()
    width: float | None = None
    total: int | None = None
    trying: tuple[Gap, ...] = ()


class Reader:
    """One list of one shop. ``size`` is shared by the lists of the shop."""

    def __init__(self, listed: List, size: PageSize) -> None:
        self.listing = Listing(listed, size)
        self._list = listed
        self._size = size

    def begins(self, read: Poll) -> bool:
        """Whether this poll begins a round."""
        cursor = _cursor(read.cursor)
        return cursor is None or (cursor.began is None and cursor.window is None and not cursor.trying)

    async def poll(self, read: Poll, overlap: timedelta | None = None) -> Page:
        """The next page of changes. ``overlap`` is another than the list's own, for this round.

        Raises AuthError and Unavailable.
        """
        cursor = _cursor(read.cursor) or Cursor(at=self._list.floor(read.since))
        if cursor.window is not None:
            return await self._window(cursor, cursor.window, None)
        if cursor.trying:
            return await self._one(cursor, None)
        if cursor.end is not None:
            window = self._next(cursor, cursor.at, cursor.end, newest_first=False)
            return await self._window(cursor, window, None)
        overlap = max(overlap or self._list.overlap, self._list.overlap)
        low = self._list.floor(cursor.at if cursor.began else cursor.at - overlap)
        rows, whole = await first(self.listing, low, None)
        began = cursor.began or rows.date or _NO_DATE
        seen = [time for one in rows.documents if (time := self._list.time_of(one))]
        newest = max([cursor.newest or cursor.at, cursor.at, *seen])
        cursor = msgspec.structs.replace(cursor, began=began, newest=newest)
        if whole:
            return self._page(self._ended(cursor, rows.date), rows.documents, None)
        end = self._end(low, began, rows.date)
        if end is None:
            window = msgspec.structs.replace(
                Window(low=low, high=None), count=rows.count or 0, left=rows.count
            )
            return self._page(msgspec.structs.replace(cursor, window=window), (), None)
        width = (end - low).total_seconds() * self._share(cursor, rows.count, None)
        cursor = msgspec.structs.replace(cursor, at=low, end=end, width=width)
        return self._page(cursor, (), None)

    async def history(self, read: History) -> Page:
        """The next page of orders, the newest windows first. Raises AuthError and Unavailable."""
        since = self._list.floor(read.since)
        cursor = _cursor(read.cursor) or Cursor(at=self._list.ceiling(read.until))
        if cursor.window is None:
            if cursor.trying:
                return await self._one(cursor, read)
            if cursor.at <= since:
                return self._page(cursor, (), read)
            window = self._next(cursor, since, cursor.at, newest_first=True)
            return await self._window(cursor, window, read)
        return await self._window(cursor, cursor.window, read)

    async def _window(self, cursor: Cursor, window: Window, read: History | None) -> Page:
        """The next step of a window: count it, or read a page of it."""
        if window.left is not None:
            part = await step(self.listing, window)
            return self._after(cursor, part, read)
        rows, whole = await first(self.listing, window.low, window.high)
        if read is not None and cursor.total is None:
            cursor = msgspec.structs.replace(cursor, total=rows.count)
        if rows.count is None:
            cursor = msgspec.structs.replace(cursor, countless=True)
        if whole:
            count = len(rows.documents)
            part = Part(
                window=msgspec.structs.replace(window, left=0, count=count, read=count),
                documents=rows.documents,
                repeats=self._known(rows.documents, window),
                date=rows.date,
            )
            return self._after(cursor, part, read)
        narrower = self._narrower(cursor, window, rows.count, read)
        if narrower is None:
            if rows.count is None:
                raise Unavailable(
                    "the shop does not say how many orders its list has, and more are of one instant than it "
                    "shows at once"
                )
            narrower = msgspec.structs.replace(window, left=rows.count, count=rows.count)
        return self._page(msgspec.structs.replace(cursor, window=narrower), (), read)

    async def _one(self, cursor: Cursor, read: History | None) -> Page:
        """Try an order again that the list could not show, now by its id."""
        (gap,) = cursor.trying
        assert self._list.one is not None
        found: list[Document] = []
        kept = cursor.gaps
        try:
            document = await self._list.one(gap.ref)
        except Unavailable:
            kept = (*kept, gap)
        else:
            found = [document] if document is not None else []
        cursor = msgspec.structs.replace(cursor, gaps=kept, trying=())
        if read is not None:
            cursor = _retrying(cursor, [one for one in kept if one.tries == 1], None)
        return self._page(cursor, found, read)

    def _after(self, cursor: Cursor, part: Part, read: History | None) -> Page:
        """The cursor after a step of a window."""
        window = part.window
        if part.gap is not None:
            tries = cursor.trying[0].tries if window.retry and cursor.trying else 1
            others = [gap for gap in cursor.gaps if not gap.same(part.gap)]
            found = (*others, msgspec.structs.replace(part.gap, tries=tries))
            must_be_few(found)
            cursor = msgspec.structs.replace(cursor, gaps=found)
        if cursor.newest is not None:
            seen = [time for one in part.documents if (time := self._list.time_of(one))]
            cursor = msgspec.structs.replace(cursor, newest=max([cursor.newest, *seen]))
        repeats = part.repeats
        if not window.done:
            cursor = msgspec.structs.replace(cursor, window=window)
        elif window.retry:
            repeats = sum(1 for one in part.documents if not self._filling(cursor.trying, one))
            cursor = msgspec.structs.replace(cursor, window=None, trying=())
            if read is not None:
                cursor = _retrying(cursor, [one for one in cursor.gaps if one.tries == 1], part.date)
        elif window.high is None:
            cursor = self._ended(cursor, part.date)
        else:
            cursor = self._moved(cursor, window, read, part.date)
        if window.retry and not window.done:
            repeats = sum(1 for one in part.documents if not self._filling(cursor.trying, one))
        return self._page(cursor, part.documents, read, repeats)

    def _filling(self, trying: Sequence[Gap], document: Document) -> bool:
        """Whether the order stands where one was missing."""
        order, key = self._list.order, self._list.order(document.ref)
        return any(
            (not gap.after or order(gap.after) < key) and (not gap.before or key < order(gap.before))
            for gap in trying
            if not gap.missing
        )

    def _end(self, low: datetime, began: datetime, date: datetime | None) -> datetime | None:
        """Up to where a poll reads in windows; None without the shop's time, and for rows ahead of it."""
        if date is None or began == _NO_DATE:
            return None
        steady = self._list.floor(began - self._list.overlap)
        end = steady if steady > low else self._list.ceiling(date + self._list.resolution)
        return end if end > low else None

    def _share(self, cursor: Cursor, count: int | None, read: History | None) -> float:
        """The part of a stretch of ``count`` rows, evenly spread, that a window is to be."""
        if count is None:
            return 0.5
        most = self._most(cursor, read)
        return min(1.0, _FULL * most / count) if count > most else 1.0

    def _most(self, cursor: Cursor, read: History | None) -> int:
        """Rows that a window may hold: one page where they are not counted, or only the newest are wanted."""
        one_page = cursor.countless or (read is not None and read.few)
        return self._size.rows * (1 if one_page else _PAGES)

    def _next(self, cursor: Cursor, low: datetime, high: datetime, *, newest_first: bool) -> Window:
        """The next window between these, at its end or its beginning."""
        width = timedelta(seconds=cursor.width) if cursor.width else high - low
        if width < high - low:
            width = max(width, self._list.resolution)
            if newest_first:
                low = max(low, self._list.floor(high - width))
            else:
                high = min(high, self._list.ceiling(low + width))
        return Window(low=low, high=high)

    def _narrower(
        self, cursor: Cursor, window: Window, count: int | None, read: History | None
    ) -> Window | None:
        """A part of a window that holds too much; None when it is to be read as it is."""
        if window.high is None or window.retry:
            return None
        most = self._most(cursor, read)
        if count is not None and count <= (
            most if most == self._size.rows else self._size.rows * _MOST_PAGES
        ):
            return None
        share = self._share(cursor, count, read) / 2**window.narrowed  # they are not evenly spread
        width = (window.high - window.low).total_seconds() * share
        sized = msgspec.structs.replace(cursor, width=width)
        narrower = self._next(sized, window.low, window.high, newest_first=read is not None)
        if (narrower.low, narrower.high) == (window.low, window.high):
            return None
        return msgspec.structs.replace(narrower, narrowed=window.narrowed + 1)

    def _ended(self, cursor: Cursor, date: datetime | None) -> Cursor:
        """The end of a round, and whether an order that could not be read is due for another try."""
        assert cursor.began is not None
        assert cursor.newest is not None
        ended = Cursor(at=min(cursor.newest, cursor.began), gaps=cursor.gaps)
        return _retrying(ended, [gap for gap in cursor.gaps if gap.due(date)], date)

    def _moved(self, cursor: Cursor, window: Window, read: History | None, date: datetime | None) -> Cursor:
        """After a window: how wide the next is to be; at the end of a history, what could not be read."""
        assert window.high is not None
        width = (window.high - window.low).total_seconds()
        wanted = _FULL * self._most(cursor, read)
        width *= min(_WIDER, wanted / window.count) if window.count else _WIDER
        cursor = msgspec.structs.replace(cursor, window=None, width=max(width, _NARROWEST))
        if read is None:
            end = cursor.end if cursor.end is not None and window.high < cursor.end else None
            return msgspec.structs.replace(cursor, at=window.high, end=end)
        moved = msgspec.structs.replace(cursor, at=window.low)
        if moved.at > self._list.floor(read.since):
            return moved
        return _retrying(moved, [gap for gap in moved.gaps if gap.tries == 1], date)

    def _known(self, documents: Sequence[Document], window: Window) -> int:
        """How many of a whole window's rows were handed over by an earlier reading of it."""
        if not window.before:
            return 0
        edge = self._list.order(window.before)
        return sum(1 for one in documents if self._list.order(one.ref) >= edge)

    def _page(
        self, cursor: Cursor, documents: Sequence[Document], read: History | None, repeats: int = 0
    ) -> Page:
        def time(document: Document) -> datetime:
            return self._list.time_of(document) or _NO_DATE

        more = cursor.window is not None or bool(cursor.trying)
        if read is None:
            more = more or cursor.began is not None
            rows = sorted(documents, key=time)
        else:
            more = more or cursor.at > self._list.floor(read.since)
            # Bounds are sent as coarse as the shop takes them: what lies outside is dropped here.
            within = [
                one
                for one in documents
                if (placed := self._list.time_of(one)) is None or read.since <= placed < read.until
            ]
            repeats = max(0, repeats - (len(documents) - len(within)))
            rows = sorted(within, key=time, reverse=True)
        return Page(
            documents=rows,
            cursor=exact_json.encode(cursor).decode(),
            more=more,
            position=cursor.at,
            total=cursor.total,
            gaps=[gap.sentence for gap in (*cursor.gaps, *cursor.trying)],
            repeats=repeats,
        )


def _retrying(cursor: Cursor, due: Sequence[Gap], date: datetime | None) -> Cursor:
    """Begin to read again the first gap that is due, and with it all that are of the same window."""
    if not due:
        return cursor
    gap = due[0]
    same = [one for one in cursor.gaps if one is gap or gap.spans(one)]
    window = Window(low=gap.low, high=gap.high, retry=True) if gap.low and not gap.ref else None
    return msgspec.structs.replace(
        cursor,
        window=window,
        trying=tuple(one.trying(date) for one in same),
        gaps=tuple(one for one in cursor.gaps if not any(one is other for other in same)),
    )


def _cursor(text: str | None) -> Cursor | None:
    """What was kept; None for what another version of this program kept: then reading begins anew."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Cursor)
    except msgspec.ValidationError:
        return None
