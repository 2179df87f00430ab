"""A list read by time loses no order and repeats none, whatever the shop does meanwhile or cannot show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.errors import AuthError, Unavailable
from connector.model.order import Document
from connector.sdk.contract import History, Page, Poll
from connector.sdk.keyset import Ask, List, PageSize, Reader, Rows
from connector.sdk.keyset.listing import by_id
from connector.sdk.timestamps import iso

SECOND = timedelta(seconds=1)
NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
OVERLAP = timedelta(seconds=120)


class Shop:
    """Rows by their ids, each of a second; ``bad`` cannot be shown, whatever page they are on."""

    def __init__(self) -> None:
        self.rows: dict[int, datetime] = {}
        self.now = NOON
        self.bad: set[int] = set()
        self.heaviest = 10_000
        self.most = 10_000
        self.counts: Callable[[int, int], int | None] = lambda count, page: count
        self.sorts = self.bounds = self.pages = self.dates = True
        self.before: Callable[[], None] = lambda: None
        self.faults: Callable[[], Unavailable | None] = lambda: None
        self.asked: list[Ask] = []
        self.tells_ids = False

    def add(self, number: int, start: datetime = NOON - timedelta(hours=1), step: timedelta = SECOND) -> None:
        for _ in range(number):
            self.rows[len(self.rows) + 1] = start
            start += step

    async def fetch(self, ask: Ask) -> Rows:
        self.before()
        self.asked.append(ask)
        if fault := self.faults():
            raise fault
        if ask.size > self.heaviest:
            raise Unavailable("504", maybe_done=True, heavy=True)
        chosen, count = self._chosen(ask)
        if broken := self.bad & set(chosen):
            assert broken
            raise Unavailable("the shop answered 500", maybe_done=True)
        documents = [
            Document(ref=str(id), changed_at=self.rows[id], body={"time": self.rows[id].isoformat()})
            for id in chosen
        ]
        return Rows(
            documents=documents,
            count=self.counts(count, len(chosen)),
            date=self.now if self.dates else None,
        )

    async def locate(self, ask: Ask) -> str:
        return "".join(str(id) for id in self._chosen(ask)[0]) if self.tells_ids else ""

    async def one(self, ref: str) -> Document | None:
        if int(ref) in self.bad:
            raise Unavailable("the shop answered 500", maybe_done=True)
        time = self.rows[int(ref)]
        return Document(ref=ref, changed_at=time, body={"time": time.isoformat()})

    def _chosen(self, ask: Ask) -> tuple[list[int], int]:
        found = [
            id
            for id, time in self.rows.items()
            if not self.bounds or (ask.low <= time and (ask.high is None or time < ask.high))
        ]
        found = sorted(found) if self.sorts else found[::-1]
        start = ask.start if self.pages else 0
        return found[start : start + min(ask.size, self.most)], len(found)


def reader(shop: Shop, size: int = 10) -> Reader:
    listed = List(
        fetch=shop.fetch,
        time="time",
        resolution=SECOND,
        overlap=OVERLAP,
        locate=shop.locate,
        one=shop.one,
    )
    return Reader(listed, PageSize(size))


class Round(msgspec.Struct):
    refs: list[int]
    cursor: str
    pages: list[Page]

    @property
    def gaps(self) -> list[str]:
        return list(self.pages[-1].gaps)


async def poll(reading: Reader, cursor: str | None = None, most: int = 500) -> Round:
    refs: list[int] = []
    pages: list[Page] = []
    for _ in range(most):
        page = await reading.poll(Poll(feed="orders", since=LONG_AGO, cursor=cursor))
        refs += [int(document.ref) for document in page.documents]
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return Round(refs, cursor, pages)
    raise AssertionError("the round does not come to an end")


async def history(
    reading: Reader, since: datetime = LONG_AGO, until: datetime = NOON, *, few: bool = False
) -> Round:
    refs: list[int] = []
    pages: list[Page] = []
    cursor: str | None = None
    for _ in range(500):
        page = await reading.history(History(since=since, until=until, cursor=cursor, few=few))
        refs += [int(document.ref) for document in page.documents]
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return Round(refs, cursor, pages)
    raise AssertionError("the history does not come to an end")


def found(done: Round) -> int:
    return sum(len(page.documents) - page.repeats for page in done.pages)


# Polling


async def test_an_idle_round_is_one_request_and_the_cursor_does_not_drift() -> None:
    shop = Shop()
    shop.add(3)
    done = await poll(reader(shop))
    shop.asked.clear()
    for _ in range(4):
        done = await poll(reader(shop), done.cursor)
        assert done.refs == [1, 2, 3]  # within the overlap
    assert len(shop.asked) == 4


@pytest.mark.parametrize("step", [SECOND, timedelta(0), timedelta(minutes=7)])
@pytest.mark.parametrize("rows", [9, 10, 11, 20, 199, 200, 201, 1003])
async def test_every_row_is_read_once(rows: int, step: timedelta) -> None:
    shop = Shop()
    shop.add(rows, NOON - timedelta(hours=1) - step * rows, step)
    assert sorted((await poll(reader(shop))).refs) == list(range(1, rows + 1))
    shop.asked.clear()
    done = await history(reader(shop))
    assert sorted(done.refs) == list(range(1, rows + 1))
    assert found(done) == rows
    assert {page.total for page in done.pages} == {rows}
    assert len(shop.asked) <= rows / 10 * 1.4 + 6


async def test_a_round_never_asks_for_a_page_beyond_its_window_s_rows() -> None:
    shop = Shop()
    shop.add(3000)
    await poll(reader(shop))
    assert max(ask.start for ask in shop.asked) < 10 * 100


async def test_rows_that_leave_a_window_while_it_is_read_take_none_with_them() -> None:
    shop = Shop()
    shop.add(200, NOON - timedelta(days=2), timedelta(0))
    leaving = iter(range(1, 200, 3))

    def one_leaves() -> None:
        shop.now += SECOND
        for id in leaving:
            shop.rows[id] = shop.now
            return

    shop.before = one_leaves
    done = await poll(reader(shop))
    shop.before = lambda: None
    again = await poll(reader(shop), done.cursor)
    assert set(done.refs) | set(again.refs) == set(range(1, 201))
    assert not again.gaps


async def test_hundreds_that_leave_at_once_are_no_fault() -> None:
    shop = Shop()
    shop.add(400, NOON - timedelta(days=2), timedelta(0))
    reading = reader(shop)
    page = await reading.poll(Poll(feed="orders", since=LONG_AGO))
    for _ in range(3):
        page = await reading.poll(Poll(feed="orders", since=LONG_AGO, cursor=page.cursor))
    for id in range(1, 380):
        shop.rows[id] = shop.now
    done = await poll(reading, page.cursor)
    assert set(range(1, 380)) <= set(done.refs)


async def test_a_row_that_enters_a_window_late_displaces_none() -> None:
    shop = Shop()
    shop.add(100, NOON - timedelta(seconds=60), timedelta(0))
    shop.rows[0] = LONG_AGO - timedelta(days=9)
    requests = 0

    def one_enters() -> None:
        nonlocal requests
        requests += 1
        if requests == 4:
            shop.rows[0] = NOON - timedelta(seconds=60)

    shop.before = one_enters
    done = await poll(reader(shop))
    assert set(done.refs) == set(range(101))


async def test_what_is_dated_in_the_future_does_not_push_the_cursor_ahead() -> None:
    shop = Shop()
    shop.add(30, NOON + timedelta(days=400))
    done = await poll(reader(shop))
    assert sorted(done.refs) == list(range(1, 31))
    shop.rows[31] = NOON + SECOND
    shop.now += SECOND * 2
    assert 31 in (await poll(reader(shop), done.cursor)).refs


async def test_a_shop_that_does_not_tell_the_time_is_read_all_the_same() -> None:
    shop = Shop()
    shop.dates = False
    shop.add(95)
    done = await poll(reader(shop))
    assert sorted(done.refs) == list(range(1, 96))
    shop.add(30, NOON + timedelta(minutes=3))
    assert set(range(96, 126)) <= set((await poll(reader(shop), done.cursor)).refs)


async def test_a_cursor_of_another_version_begins_anew() -> None:
    shop = Shop()
    shop.add(3)
    assert (await poll(reader(shop), '{"bound":"2026-10-15T12:00:00Z"}')).refs == [1, 2, 3]


# History


async def test_history_comes_newest_first_and_exactly_of_its_span() -> None:
    shop = Shop()
    shop.add(300)
    since, until = NOON - timedelta(minutes=50), NOON - timedelta(minutes=57) + SECOND / 2
    assert (await history(reader(shop), since, NOON)).refs == []
    done = await history(reader(shop), NOON - timedelta(minutes=60) + SECOND / 2, until)
    assert done.refs == list(range(181, 1, -1))


async def test_only_the_newest_are_asked_for_where_few_are_wanted() -> None:
    shop = Shop()
    shop.add(5000, NOON - timedelta(hours=5001), timedelta(hours=1))
    reading = reader(shop)
    refs: list[str] = []
    cursor = None
    while not refs:
        page = await reading.history(History(since=LONG_AGO, until=NOON, cursor=cursor, few=True))
        refs += [document.ref for document in page.documents]
        cursor = page.cursor
    assert refs[0] == "5000"
    assert len(shop.asked) < 5


async def test_old_orders_in_clusters_are_found() -> None:
    shop = Shop()
    shop.add(700, LONG_AGO, timedelta(0))
    shop.add(2, NOON - timedelta(days=100))
    shop.add(700, NOON - SECOND * 2, timedelta(0))
    done = await history(reader(shop), LONG_AGO - timedelta(days=2000))
    assert set(done.refs) == set(range(1, 1403))
    assert found(done) == 1402


# Orders that cannot be shown


@pytest.mark.parametrize("rows", [1, 2, 9, 35, 230])
@pytest.mark.parametrize("tells_ids", [True, False])
async def test_one_order_that_cannot_be_shown_is_stepped_over_and_named(rows: int, tells_ids: bool) -> None:
    for bad in {1, 2, rows // 2 + 1, rows}:
        if bad > rows:
            continue
        shop = Shop()
        shop.tells_ids = tells_ids
        shop.add(rows, NOON - timedelta(days=1))
        shop.bad = {bad}
        polled, read = await poll(reader(shop)), await history(reader(shop))
        for done in (polled, read):
            assert set(done.refs) == set(range(1, rows + 1)) - {bad}
            (gap,) = done.gaps
            assert "cannot be read" in gap
            assert "the shop answered 500" in gap
            told = f"order {bad}," in gap
            assert told or not tells_ids
            assert told or bad in (1, rows) or f"after {bad - 1}" in gap or f"before {bad + 1}" in gap
        assert found(read) == rows - 1


@pytest.mark.parametrize("tells_ids", [True, False])
async def test_an_order_that_was_stepped_over_is_tried_again_until_it_can_be_read(tells_ids: bool) -> None:
    shop = Shop()
    shop.tells_ids = tells_ids
    shop.add(35, NOON - timedelta(days=1))
    shop.bad = {17}
    reading = reader(shop)
    done = await poll(reading)
    shop.asked.clear()
    for _ in range(5):  # at once it is not asked for again
        done = await poll(reading, done.cursor)
        assert done.gaps
    assert len(shop.asked) == 5
    tries = 0
    for _ in range(30):
        shop.now += timedelta(minutes=5)
        shop.asked.clear()
        done = await poll(reading, done.cursor)
        tries += len(done.pages) > 1
        assert 17 not in done.refs
        assert len(done.gaps) == 1
    assert 3 <= tries <= 6  # ever more rarely
    shop.bad.clear()
    shop.now += timedelta(days=1)
    done = await poll(reading, done.cursor)
    assert 17 in done.refs
    assert not done.gaps


async def test_several_orders_that_cannot_be_shown_are_each_stepped_over() -> None:
    shop = Shop()
    shop.add(230, NOON - timedelta(days=1))
    shop.bad = {3, 4, 5, 100, 229, 230}
    for done in (await poll(reader(shop)), await history(reader(shop))):
        assert set(done.refs) == set(range(1, 231)) - shop.bad
        assert len(done.gaps) == 6


async def test_where_many_cannot_be_shown_the_shop_is_at_fault() -> None:
    shop = Shop()
    shop.add(100, NOON - timedelta(days=1))
    shop.bad = set(range(31, 101))
    with pytest.raises(Unavailable, match="more than 20 orders cannot be read"):
        await poll(reader(shop))


async def test_a_shop_that_is_down_is_asked_twice_and_nothing_is_stepped_over() -> None:
    shop = Shop()
    shop.add(35)
    done = await poll(reader(shop))
    shop.faults = lambda: Unavailable("500", maybe_done=True)
    shop.asked.clear()
    with pytest.raises(Unavailable, match="500"):
        await poll(reader(shop), done.cursor)
    assert len(shop.asked) == 2
    for error in (
        Unavailable("no connection"),
        Unavailable("slow down", maybe_done=True, retry_after=7),
    ):
        shop.faults = lambda error=error: error  # type: ignore[misc]
        shop.asked.clear()
        with pytest.raises(Unavailable):
            await poll(reader(shop), done.cursor)
        assert len(shop.asked) == 1


async def test_refused_credentials_are_passed_on() -> None:
    shop = Shop()

    async def refusing(ask: Ask) -> Rows:
        raise AuthError("no")

    shop.fetch = refusing  # type: ignore[method-assign]
    with pytest.raises(AuthError):
        await poll(reader(shop))


# Sizes


@pytest.mark.parametrize("share", [20, 10, 4])
async def test_passing_faults_neither_shrink_pages_nor_hold_a_round(share: int) -> None:
    """Every twentieth request fails, every tenth, every fourth."""
    shop = Shop()
    shop.add(4000)
    requests = 0

    def faulty() -> Unavailable | None:
        nonlocal requests
        requests += 1
        return Unavailable("500", maybe_done=True) if requests % share == 0 else None

    shop.faults = faulty
    size = PageSize(10)
    reading = Reader(List(fetch=shop.fetch, time="time", resolution=SECOND, overlap=OVERLAP), size)
    done = await poll(reading, most=1000)
    assert set(done.refs) == set(range(1, 4001))
    assert size.rows == 10
    assert not done.gaps
    assert requests < 400 * (1 + 6 / share) * 1.15


async def test_what_is_too_heavy_is_halved_once_it_failed_twice_and_grows_back() -> None:
    shop = Shop()
    shop.add(300)
    shop.heaviest = 3
    size = PageSize(16)
    reading = Reader(List(fetch=shop.fetch, time="time", resolution=SECOND, overlap=OVERLAP), size)
    done = await poll(reading)
    assert set(done.refs) == set(range(1, 301))
    assert [ask.size for ask in shop.asked[:9]] == [16, 1, 16, 8, 1, 8, 4, 1, 4]
    assert not done.gaps
    shop.heaviest = 100
    for _ in range(100):
        done = await poll(reading, done.cursor)
    assert size.rows == 16


async def test_a_size_that_something_caps_loses_nothing() -> None:
    for counts in (lambda count, page: count, lambda count, page: None):
        shop = Shop()
        shop.counts = counts
        shop.most = 4
        shop.add(95)
        assert sorted(set((await poll(reader(shop))).refs)) == list(range(1, 96))


# What the shop says


async def test_a_count_that_is_not_there_is_not_needed_unless_one_instant_fills_pages() -> None:
    shop = Shop()
    shop.counts = lambda count, page: None
    shop.add(95)
    assert sorted(set((await poll(reader(shop))).refs)) == list(range(1, 96))
    assert sorted((await history(reader(shop))).refs) == list(range(1, 96))
    shop.add(40, NOON - timedelta(hours=2), timedelta(0))
    with pytest.raises(Unavailable, match="does not say how many"):
        await poll(reader(shop))


async def test_a_count_made_up_out_of_the_page_is_not_believed() -> None:
    shop = Shop()
    shop.counts = lambda count, page: page
    shop.add(95)
    assert sorted(set((await poll(reader(shop))).refs)) == list(range(1, 96))


async def test_fewer_orders_than_the_shop_counts_are_told_and_read_again() -> None:
    shop = Shop()
    shop.add(95, NOON - timedelta(days=1))
    shop.counts = lambda count, page: count + 2 if count else 0
    done = await history(reader(shop))
    assert sorted(set(done.refs)) == list(range(1, 96))
    assert found(done) == 95
    (gap,) = done.gaps
    assert "the shop counts 97 orders and shows 95" in gap


async def test_a_list_without_end_comes_to_one() -> None:
    shop = Shop()
    shop.add(95, NOON - timedelta(days=1), timedelta(0))
    shop.pages = False  # always the first page
    with pytest.raises(Unavailable, match="the same ones again and again"):
        await poll(reader(shop))
    shop.pages = True
    shop.counts = lambda count, page: 10**12 if count else 0
    with pytest.raises(Unavailable, match="shows none where they should be"):
        await poll(reader(shop))
    assert len(shop.asked) < 300


async def test_bounds_that_are_ignored_and_rows_in_no_order_are_faults() -> None:
    shop = Shop()
    shop.add(35)
    shop.sorts = False
    with pytest.raises(Unavailable, match="does not sort"):
        await poll(reader(shop))
    shop.sorts, shop.bounds = True, False
    until = NOON - timedelta(days=3)
    with pytest.raises(Unavailable, match="ignores the bounds"):
        await history(reader(shop), LONG_AGO, until)


async def test_a_row_out_of_a_cache_that_shows_an_older_time_is_no_fault() -> None:
    shop = Shop()
    shop.add(5)
    honest = shop.fetch

    async def cached(ask: Ask) -> Rows:
        rows = await honest(ask)
        old = [
            msgspec.structs.replace(
                one, body={"time": "2020-01-01T00:00:00Z" if one.ref == "2" else one.body["time"]}
            )
            for one in rows.documents
        ]
        return msgspec.structs.replace(rows, documents=old)

    shop.fetch = cached  # type: ignore[method-assign]
    assert sorted((await poll(reader(shop))).refs) == [1, 2, 3, 4, 5]


def test_ids_are_compared_as_numbers_where_they_are_numbers() -> None:
    refs = ["10", "9", "order_01B", "order_01A", "007", "²"]
    assert sorted(refs, key=by_id) == ["007", "9", "10", "order_01A", "order_01B", "²"]


# Anything


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 60),
    spread=st.integers(1, 40),
    size=st.integers(1, 12),
    acts=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 80)), max_size=60),
    bad=st.sets(st.integers(1, 60), max_size=3),
)
def test_whatever_the_shop_does_between_requests_every_order_is_read_as_it_is(
    rows: int, spread: int, size: int, acts: list[tuple[int, int]], bad: set[int]
) -> None:
    asyncio.run(_changing(rows, spread, size, acts, bad))


async def _changing(rows: int, spread: int, size: int, acts: list[tuple[int, int]], bad: set[int]) -> None:
    shop = Shop()
    for id in range(1, rows + 1):
        shop.rows[id] = NOON - SECOND * (id * 7 % spread + 1)
    shop.bad = bad
    waiting = iter(acts)

    def act() -> None:
        for kind, id in waiting:
            _act(shop, kind, id)
            return

    shop.before = act
    reading = reader(shop, size)
    latest: dict[int, datetime] = {}
    cursor = None

    async def one_round() -> list[str]:
        nonlocal cursor
        for _ in range(1000):
            page = await reading.poll(Poll(feed="orders", since=LONG_AGO, cursor=cursor))
            latest.update({int(one.ref): iso(one.body["time"]) for one in page.documents})
            cursor = page.cursor
            if not page.more:
                return list(page.gaps)
        raise AssertionError("the round does not come to an end")

    await one_round()
    await one_round()
    for kind, id in waiting:
        _act(shop, kind, id)
    shop.now += SECOND * 100
    await one_round()
    gaps = await one_round()
    seen = {id: time for id, time in shop.rows.items() if id not in bad}
    assert {id: latest.get(id) for id in seen} == seen
    assert bool(gaps) == bool(bad & set(shop.rows)) or bad


def _act(shop: Shop, kind: int, id: int) -> None:
    shop.now += SECOND * (id % 2)
    if kind == 0:
        shop.rows[len(shop.rows) + 100] = shop.now
    elif kind == 1 and id in shop.rows:
        shop.rows[id] = shop.now
    elif kind == 2:
        shop.rows.pop(id, None)
    elif kind == 3 and id in shop.rows:  # committed late: dated before it shows
        shop.rows[id] = max(shop.rows[id], shop.now - SECOND * (id % 90))
    elif kind == 4:
        for other in list(shop.rows)[: id % 15]:
            shop.rows[other] = shop.now
