"""WooCommerce: a poll that misses nothing, whatever the shop does meanwhile, and history backwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.woocommerce import WooCommerce
from adapters.woocommerce.configuration import Options
from adapters.woocommerce.site_clock import SECOND, SiteClock
from connector.model.errors import Unavailable
from connector.runtime.http import Http
from connector.sdk.contract import History, Page, Poll
from tests.shops.woocommerce import Shop, serve

NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> Shop:
    """A shop whose clock stands at noon."""
    shop = Shop(secure=True)
    shop.clock.set(NOON)
    return shop


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with serve(shop) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(read_seconds=2) as client:
        yield client


def adapter(url: str, http: Http, page_size: int = 100) -> WooCommerce:
    """An adapter that reads pages of this size."""
    credentials = WooCommerce.Credentials.model_validate(
        {"consumer_key": "ck_test", "consumer_secret": "cs_test"}
    )
    options = Options(authentication="basic", page_size=page_size)
    return WooCommerce(url=url, credentials=credentials, options=options, http=http)


class Reader:
    """Polls one feed as the engine does, and keeps the latest document of each order."""

    def __init__(self, adapter: WooCommerce, feed: str = "orders", since: datetime = LONG_AGO) -> None:
        self.adapter = adapter
        self.feed = feed
        self.since = since
        self.cursor: str | None = None
        self.latest: dict[int, dict[str, Any]] = {}
        self.brought: list[int] = []
        self.gaps: list[str] = []

    async def page(self) -> Page:
        """One call of ``changed``, its cursor kept."""
        page = await self.adapter.changed(Poll(feed=self.feed, since=self.since, cursor=self.cursor))
        self.cursor = page.cursor
        self.gaps = list(page.gaps)
        self.brought += [int(document.ref) for document in page.documents]
        self.latest |= {int(document.ref): document.body for document in page.documents}
        return page

    async def round(self) -> list[int]:
        """Until nothing more waits; the ids that it brought."""
        self.brought = []
        for _ in range(300):
            if not (await self.page()).more:
                return self.brought
        raise AssertionError("the round does not come to an end")

    @property
    def at(self) -> datetime:
        """How far the cursor has come."""
        assert self.cursor is not None
        return datetime.fromisoformat(json.loads(self.cursor)["at"])


async def history(adapter: WooCommerce, since: datetime, until: datetime) -> list[int]:
    """The ids of the history, in the order that they came."""
    ids: list[int] = []
    cursor = None
    for _ in range(300):
        page = await adapter.changed(History(since=since, until=until, cursor=cursor))
        ids += [int(document.ref) for document in page.documents]
        if not page.more:
            return ids
        cursor = page.cursor
    raise AssertionError("the history does not come to an end")


# The poll


async def test_under_a_steady_writer_nothing_is_missed_and_nothing_is_stale(
    shop: Shop, url: str, http: Http
) -> None:
    shop.seed(300, step=30)
    for _ in range(130):  # a bulk edit: more equal seconds than a page holds
        shop.add(placed_at="2026-10-15T11:20:00+00:00")
    everything = shop.ids()
    edits = iter(everything[::4])

    def write() -> None:
        shop.clock.advance(1)
        for id in edits:
            shop.edit(id, customer_note="edited")
            break

    shop.before_request = write
    reader = Reader(adapter(url, http, page_size=20))
    await reader.round()
    assert set(reader.latest) == set(everything)
    shop.before_request = None
    await reader.round()
    for id in everything:
        assert reader.latest[id]["customer_note"] == shop.order(id)["customer_note"]


async def test_thousands_of_orders_in_one_second_are_all_read_while_some_leave_it(
    shop: Shop, url: str, http: Http
) -> None:
    for _ in range(3000):  # an import
        shop.add(placed_at="2026-10-15T11:20:00+00:00")
    everything = shop.ids()
    leaving = iter(everything[::70])

    def one_leaves() -> None:
        for id in leaving:
            shop.edit(id, customer_note="edited")
            break

    shop.before_request = one_leaves
    reader = Reader(adapter(url, http))
    await reader.round()
    shop.before_request = None
    await reader.round()
    assert set(reader.latest) == set(everything)
    for id in everything[::70]:
        assert reader.latest[id]["customer_note"] == shop.order(id)["customer_note"]


async def test_every_request_is_for_a_closed_window_by_id_in_naive_gmt(
    shop: Shop, url: str, http: Http
) -> None:
    shop.seed(60)
    await Reader(adapter(url, http, page_size=20)).round()
    await history(adapter(url, http, page_size=20), LONG_AGO, NOON)
    queries = [query for _, path, query in shop.requests if path.endswith("/orders")]
    assert {query["orderby"] for query in queries} == {"id"}
    for query in queries:
        assert query["dates_are_gmt"] == "true"
        bounds = [value for name, value in query.items() if name.endswith(("after", "before"))]
        assert bounds
        assert not any(value.endswith("Z") for value in bounds)
        assert query["page"] == "1" or len(bounds) == 2


async def test_a_second_that_fills_pages_is_drained_from_its_last_page_to_its_first(
    shop: Shop, url: str, http: Http
) -> None:
    for _ in range(130):
        shop.add(placed_at="2026-10-15T11:20:00+00:00")
    reader = Reader(adapter(url, http, page_size=20))
    everything = shop.ids()
    leaving = iter(everything[::-3])

    def one_leaves() -> None:  # edited away from the second that is being read
        for id in leaving:
            shop.edit(id, customer_note="edited")
            break

    shop.before_request = one_leaves
    await reader.round()
    assert set(reader.latest) == set(everything)
    pages = [int(query["page"]) for _, _, query in shop.requests if "modified_before" in query]
    last = pages.index(max(pages))
    assert pages[last] >= 6
    assert pages[last:] == sorted(pages[last:], reverse=True)


async def test_the_overlap_is_read_again_once_a_round_and_the_cursor_does_not_drift(
    shop: Shop, url: str, http: Http
) -> None:
    first = shop.add(placed_at="2026-10-15T11:00:00+00:00")
    shop.add(placed_at="2026-10-15T11:05:00+00:00")
    reader = Reader(adapter(url, http))
    assert len(await reader.round()) == 2
    at = reader.at
    for _ in range(5):
        assert len(await reader.round()) == 1
        assert reader.at == at
    shop.delete(2)
    shop.delete(first)
    for _ in range(5):
        assert await reader.round() == []
        assert reader.at == at


async def test_an_order_committed_late_is_found(shop: Shop, url: str, http: Http) -> None:
    shop.seed(5, until="2026-10-15T11:59:00+00:00")
    late = shop.add(commit_after=90)
    shop.clock.advance(60)
    on_time = shop.add()
    reader = Reader(adapter(url, http))
    assert {late, on_time} & set(await reader.round()) == {on_time}
    shop.clock.advance(40)
    assert late in await reader.round()


async def test_an_order_committed_late_is_found_also_when_a_round_takes_an_hour(
    shop: Shop, url: str, http: Http
) -> None:
    shop.seed(40, until="2026-10-15T11:59:59+00:00", step=1)
    late = shop.add(placed_at="2026-10-15T11:59:25+00:00", commit_after=60)
    reader = Reader(adapter(url, http, page_size=20))
    while (await reader.page()).more and len(set(reader.brought)) < 30:
        pass
    shop.clock.advance(3600)  # the connector was killed, or the shop out of reach
    last = shop.add()
    await reader.round()
    assert last in reader.latest
    await reader.round()
    assert late in reader.latest


async def test_an_order_dated_in_the_future_does_not_push_the_cursor_ahead(
    shop: Shop, url: str, http: Http
) -> None:
    future = shop.add(placed_at="2027-06-01T00:00:00+00:00")
    reader = Reader(adapter(url, http))
    assert await reader.round() == [future]
    assert reader.at == NOON
    shop.clock.advance(5)
    new = shop.add()
    assert new in await reader.round()


async def test_a_beginning_ahead_of_the_shop_s_clock_loses_nothing(shop: Shop, url: str, http: Http) -> None:
    reader = Reader(adapter(url, http), since=NOON + timedelta(minutes=30))
    assert await reader.round() == []
    shop.clock.advance(5)
    new = shop.add()
    assert await reader.round() == [new]


async def test_trash_is_a_feed_of_its_own(shop: Shop, url: str, http: Http) -> None:
    ids = shop.seed(5)
    orders, trash = Reader(adapter(url, http)), Reader(adapter(url, http), "trash")
    assert await trash.round() == []
    shop.clock.advance(300)
    shop.trash(ids[0])
    assert ids[0] not in await orders.round()
    assert await trash.round() == [ids[0]]
    assert trash.latest[ids[0]]["status"] == "trash"
    shop.clock.advance(300)
    shop.untrash(ids[0])
    assert ids[0] in await orders.round()
    assert ids[0] not in await trash.round()


async def test_a_shop_that_chokes_on_large_pages_gets_smaller_ones(shop: Shop, url: str, http: Http) -> None:
    everything = shop.seed(90)
    shop.heaviest = 25
    reader = Reader(adapter(url, http))
    assert set(await reader.round()) == set(everything)
    sizes = [int(query["per_page"]) for _, path, query in shop.requests if path.endswith("/orders")]
    assert sizes[:9] == [100, 1, 100, 50, 1, 50, 25, 25, 25]  # each failed twice, and the shop answers
    assert int(shop.requests[-1][2]["per_page"]) == 25
    shop.heaviest = 100
    for _ in range(60):
        await reader.round()
    assert int(shop.requests[-1][2]["per_page"]) == 100


async def test_a_window_that_becomes_too_heavy_goes_on_with_smaller_pages(
    shop: Shop, url: str, http: Http
) -> None:
    for _ in range(90):
        shop.add(placed_at="2026-10-15T11:20:00+00:00")
    reader = Reader(adapter(url, http, page_size=40))
    await reader.page()
    await reader.page()
    shop.heaviest = 20
    await reader.round()
    assert set(reader.latest) == set(shop.ids())


async def test_a_poll_goes_on_from_any_cursor_in_another_process(shop: Shop, url: str, http: Http) -> None:
    shop.seed(50)
    for _ in range(50):
        shop.add(placed_at="2026-10-15T11:59:30+00:00")
    reader = Reader(adapter(url, http, page_size=10))
    more = True
    while more:
        more = (await reader.page()).more
        reader.adapter = adapter(url, http, page_size=10)
    assert set(reader.latest) == set(shop.ids())


@pytest.mark.parametrize("answer", [b'{"code":"x"}', b'"orders"', b"[null]", b'[{"number":"7"}]'])
async def test_a_shop_that_answers_nonsense_is_unavailable(http: Http, answer: bytes) -> None:
    async with raw_shop(answer) as url:
        with pytest.raises(Unavailable):
            await Reader(adapter(url, http)).page()


async def test_a_shop_that_does_not_sort_or_filter_is_found_out_before_orders_are_lost(http: Http) -> None:
    times = [f"2026-10-15T11:{minute:02}:00" for minute in range(10)]
    rows = [{"id": 1 + n, "date_modified_gmt": time} for n, time in enumerate(times)]
    async with raw_shop(json.dumps(rows[::-1]).encode()) as url:
        with pytest.raises(Unavailable, match="does not sort"):
            await Reader(adapter(url, http, page_size=10)).page()
    async with raw_shop(json.dumps(rows).encode()) as url:
        with pytest.raises(Unavailable, match=r"ignores the bounds .* 5\.8 or newer"):
            await Reader(adapter(url, http, page_size=10), since=NOON).page()


async def test_a_row_with_unreadable_times_is_handed_over(http: Http) -> None:
    async with raw_shop(b'[{"id":5,"date_modified_gmt":null,"date_created_gmt":"never"}]') as url:
        reader = Reader(adapter(url, http))
        assert await reader.round() == [5]


# The clock's jumps


@pytest.mark.parametrize(
    ("zone", "moment", "start", "end"),
    [
        ("America/New_York", "2026-03-08T02:10:00", "2026-03-08T01:59:59", "2026-03-08T03:00:01"),
        ("America/New_York", "2026-03-08T01:59:59", "2026-03-08T01:59:59", "2026-03-08T03:00:01"),
        ("America/New_York", "2026-03-08T03:00:00", "2026-03-08T01:59:59", "2026-03-08T03:00:01"),
        ("America/New_York", "2026-03-08T03:00:01", "2026-03-08T03:00:01", "2026-03-08T03:00:02"),
        ("America/New_York", "2026-11-01T06:10:00", "2026-11-01T06:10:00", "2026-11-01T06:10:01"),
        ("Australia/Lord_Howe", "2026-10-04T02:10:00", "2026-10-04T01:59:59", "2026-10-04T02:30:01"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-29T23:59:59", "2011-12-31T00:00:01"),
        ("Asia/Tokyo", "2026-03-08T02:10:00", "2026-03-08T02:10:00", "2026-03-08T02:10:01"),
    ],
)
def test_the_stretch_around_a_jump_is_read_in_one_piece(zone: str, moment: str, start: str, end: str) -> None:
    stretch = SiteClock(ZoneInfo(zone)).stretch(utc(moment))
    assert stretch == (utc(start), utc(end))
    assert SiteClock.of({"timezone_string": zone}).stretch(utc(moment)) == stretch


def test_a_site_with_a_fixed_offset_has_no_jumps() -> None:
    clock = SiteClock.of({"timezone_string": "", "gmt_offset": -5})
    moment = utc("2026-03-08T02:10:00")
    assert clock.stretch(moment) == (moment, moment + SECOND)
    with pytest.raises(ValueError, match="Mars/Olympus"):
        SiteClock.of({"timezone_string": "Mars/Olympus"})


@pytest.mark.parametrize("storage", ["hpos", "legacy"])
@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-03-08T01:00:00", "2026-03-08T04:00:00"), ("2026-11-01T04:00:00", "2026-11-01T08:00:00")],
)
@pytest.mark.parametrize("page_size", [7, 100])
async def test_nothing_is_missed_around_a_jump_of_the_shop_s_clock(
    http: Http, storage: Any, first: str, last: str, page_size: int
) -> None:
    shop = Shop(secure=True, storage=storage)
    shop.clock.set(utc(first))
    with serve(shop) as url:
        reader = Reader(adapter(url, http, page_size), since=utc(first))
        while shop.clock.now() < utc(last):  # live: an order every three minutes, a poll every half hour
            for _ in range(10):
                shop.clock.advance(180)
                shop.add()
            await reader.round()
        assert set(reader.latest) == set(shop.ids())
        afterwards = Reader(adapter(url, http, page_size), since=utc(first))
        assert set(await afterwards.round()) == set(shop.ids())
        found = await history(adapter(url, http, page_size), utc(first), utc(last) + timedelta(days=1))
        assert set(found) == set(shop.ids())
        middle = utc(first) + (utc(last) - utc(first)) / 2 - timedelta(minutes=15)
        recent = await history(adapter(url, http, page_size), middle, utc(last) + timedelta(days=1))
        assert set(recent) == {id for id in shop.ids() if placed(shop, id) >= middle}
        older = await history(adapter(url, http, page_size), utc(first), middle)
        assert set(older) == {id for id in shop.ids() if placed(shop, id) < middle}


# History


async def test_history_drains_a_second_that_fills_pages(shop: Shop, url: str, http: Http) -> None:
    older = shop.seed(30, until="2026-10-15T11:00:00+00:00")
    for _ in range(70):
        shop.add(placed_at="2026-10-15T11:20:00+00:00")
    newer = shop.seed(30, until="2026-10-15T11:59:00+00:00", step=10)
    repeating = await history(adapter(url, http, page_size=20), LONG_AGO, NOON)
    found = list(dict.fromkeys(repeating))
    assert set(found) == set(shop.ids())
    assert found[: len(newer)] == newer[::-1]
    assert [id for id in found if id in older] == older[::-1]


async def test_history_is_not_disturbed_by_new_orders_and_leaves_trash_out(
    shop: Shop, url: str, http: Http
) -> None:
    everything = shop.seed(100)
    shop.trash(everything.pop(10))

    def sell() -> None:
        shop.add()

    shop.before_request = sell
    found = await history(adapter(url, http, page_size=20), LONG_AGO, NOON)
    assert set(found) >= set(everything[:-1])
    assert set(found) <= set(everything)


async def test_history_says_how_many_there_are_on_every_page(shop: Shop, url: str, http: Http) -> None:
    shop.seed(50)
    reader = adapter(url, http, page_size=20)
    cursor, totals = None, []
    while True:
        page = await reader.changed(History(since=LONG_AGO, until=NOON + SECOND, cursor=cursor))
        totals.append(page.total)
        cursor = page.cursor
        if not page.more:
            break
    assert set(totals) == {50}


async def test_history_takes_fractions_of_a_second_and_an_empty_span(
    shop: Shop, url: str, http: Http
) -> None:
    ids = shop.seed(3, until="2026-10-15T11:00:02+00:00", step=1)
    reader = adapter(url, http)
    half = timedelta(microseconds=500_000)
    at = datetime(2026, 10, 15, 11, tzinfo=UTC)
    assert await history(reader, at + half, at + 2 * SECOND) == [ids[1]]
    assert await history(reader, at, at + SECOND + half) == [ids[1], ids[0]]
    assert await history(reader, NOON, NOON) == []
    assert await history(reader, NOON, LONG_AGO) == []
    assert set(
        await history(reader, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    ) == set(ids)


# What was seen on real shops


@pytest.mark.parametrize("storage", ["hpos", "legacy"])
@pytest.mark.parametrize("version", ["9.4.2", "11.0.1"])
async def test_a_site_whose_time_zone_moved_west_is_read_whole(
    http: Http, storage: Any, version: str
) -> None:
    shop = Shop(secure=True, storage=storage, zone="UTC")
    shop.version = version
    shop.clock.set(NOON)
    shop.seed(130, until=(NOON - timedelta(hours=3)).isoformat())
    shop.move_zone("America/New_York")
    shop.seed(130, until=(NOON - timedelta(minutes=1)).isoformat())
    with serve(shop) as url:
        found = await history(adapter(url, http), LONG_AGO, NOON + SECOND)
        assert sorted(found) == shop.ids()  # each once
        reader = Reader(adapter(url, http))
        await reader.round()
        assert sorted(reader.latest) == shop.ids()


@pytest.mark.parametrize("storage", ["hpos", "legacy"])
@pytest.mark.parametrize("page_size", [10, 100])
async def test_hundreds_completed_in_one_second_are_all_seen_without_a_second_key(
    http: Http, storage: Any, page_size: int
) -> None:
    shop = Shop(secure=True, storage=storage)
    shop.version = "9.4.2"
    shop.clock.set(NOON)
    ids = shop.seed(450, until=(NOON - timedelta(days=1)).isoformat(), names=["processing_card_paid"])
    with serve(shop) as url:
        reader = Reader(adapter(url, http, page_size))
        await reader.round()
        shop.clock.advance(600)
        for id in ids:
            shop.edit(id, status="completed")
        shop.clock.advance(30)
        await reader.round()
        assert {body["status"] for body in reader.latest.values()} == {"completed"}


@pytest.mark.parametrize("storage", ["hpos", "legacy"])
async def test_a_status_that_is_left_out_of_any_is_asked_for_by_name(http: Http, storage: Any) -> None:
    shop = Shop(secure=True, storage=storage)
    shop.clock.set(NOON)
    shop.hide_status("packing")
    ids = shop.seed(5, names=["processing_card_paid"])
    with serve(shop) as url:
        reader = Reader(adapter(url, http))
        await reader.round()
        shop.clock.advance(300)
        shop.edit(ids[2], status="packing")
        assert ids[2] not in shop.ids()  # of any
        await reader.round()
        assert reader.latest[ids[2]]["status"] == "packing"
        assert ids[2] in await history(adapter(url, http), LONG_AGO, NOON + SECOND)


async def test_a_status_that_a_plugin_adds_later_is_found_with_what_moved_to_it(
    shop: Shop, url: str, http: Http
) -> None:
    ids = shop.seed(5, names=["processing_card_paid"], until=(NOON - timedelta(days=1)).isoformat())
    reader = Reader(adapter(url, http))
    await reader.round()
    shop.hide_status("packing")
    shop.edit(ids[2], status="packing")
    for _ in range(20):
        shop.clock.advance(60)
        await reader.round()
    assert reader.latest[ids[2]]["status"] == "packing"
    asked = [path for _, path, _ in shop.requests if path.endswith("/statuses")]
    assert len(asked) == 2  # at the beginning, and a quarter of an hour later


async def test_a_status_whose_plugin_is_switched_off_is_asked_for_no_more(
    shop: Shop, url: str, http: Http
) -> None:
    shop.seed(5)
    reader = Reader(adapter(url, http))
    await reader.round()
    shop.registered = tuple(slug for slug in shop.registered if slug != "awaiting-pickup")
    new = shop.add()
    assert new in await reader.round()


async def test_a_shop_that_does_not_tell_its_statuses_is_asked_for_any(
    shop: Shop, url: str, http: Http
) -> None:
    ids = shop.seed(5)
    shop.fail("403", times=None, path="/statuses")
    reader = Reader(adapter(url, http))
    assert sorted(await reader.round()) == ids
    assert {query["status"] for _, path, query in shop.requests if path.endswith("/orders")} == {"any"}


@pytest.mark.parametrize("storage", ["hpos", "legacy"])
async def test_an_order_at_which_php_fails_is_stepped_over_named_and_read_once_it_can_be(
    http: Http, storage: Any
) -> None:
    shop = Shop(secure=True, storage=storage)
    shop.clock.set(NOON)
    ids = shop.seed(230)
    bad = ids[120]
    shop.break_order(bad)
    with serve(shop) as url:
        ours = adapter(url, http)
        found = await history(ours, LONG_AGO, NOON + SECOND)
        assert set(found) == set(ids) - {bad}
        reader = Reader(ours)
        await reader.round()
        assert set(reader.latest) == set(ids) - {bad}
        (gap,) = reader.gaps
        assert f"order {bad}," in gap
        assert "500" in gap
        shop.clock.advance(60)
        new = shop.add()
        assert new in await reader.round()  # the rest goes on
        shop.break_order(bad, broken=False)
        shop.clock.advance(3600)
        assert bad in await reader.round()
        assert not reader.gaps


@pytest.mark.parametrize("kind", ["dirty", "after", "around"])
async def test_text_around_the_json_of_every_answer_stops_nothing(
    shop: Shop, url: str, http: Http, kind: str
) -> None:
    ids = shop.seed(130)
    shop.fail(kind, times=None)
    reader = Reader(adapter(url, http))
    assert sorted(await reader.round()) == ids
    assert sorted(await history(adapter(url, http), LONG_AGO, NOON + SECOND)) == ids
    found = await adapter(url, http).fetch(str(ids[7]))
    assert found is not None
    report = await adapter(url, http).check()
    assert not [one for one in report.findings if one.level == "error"]


@pytest.mark.parametrize("share", [0.05, 0.1])
async def test_a_shop_that_fails_a_few_per_cent_of_its_requests_is_neither_flooded_nor_starved(
    shop: Shop, url: str, http: Http, share: float
) -> None:
    ids = shop.seed(1000, step=10)
    shop.fail_share(share)
    reader = Reader(adapter(url, http, page_size=20))
    tries = 0
    while len(reader.latest) < len(ids):  # the engine tries again after seconds, from where the round ended
        tries += 1
        with suppress(Unavailable):
            await reader.round()
    assert tries < 12
    assert set(reader.latest) == set(ids)
    assert not reader.gaps
    sizes = [query["per_page"] for _, path, query in shop.requests if path.endswith("/orders")]
    assert set(sizes) == {"20", "1"}
    assert sizes.count("1") < len(sizes) * share * 2.5  # the look whether the shop answers at all
    assert len(sizes) < 52 * 1.6 + tries * 2


# Anything


class Act:
    """What a shop may do between two requests."""

    EDIT, EDIT_LATE, NEW, NEW_LATE, TRASH, DELETE, WAIT, BULK = range(8)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    acts=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 10_000)), max_size=40),
    page_size=st.integers(2, 9),
    seconds=st.integers(1, 4),
)
def test_whatever_the_shop_does_between_requests_its_orders_end_up_as_they_are(
    acts: list[tuple[int, int]], page_size: int, seconds: int
) -> None:
    asyncio.run(_mutating_shop(acts, page_size, seconds))


async def _mutating_shop(acts: list[tuple[int, int]], page_size: int, seconds: int) -> None:
    shop = Shop(secure=True, zone="UTC")
    shop.clock.set(NOON)
    for n in range(16):
        shop.add(placed_at=(NOON - timedelta(seconds=300 + n % (seconds * 3))).isoformat())
    waiting = iter(acts)

    def act() -> None:
        for kind, number in waiting:
            _do(shop, kind, number)
            return

    shop.before_request = act
    with serve(shop) as url:
        async with Http(read_seconds=5) as http:
            orders = Reader(adapter(url, http, page_size))
            trash = Reader(adapter(url, http, page_size), "trash")
            await orders.round()
            await trash.round()
            await orders.round()
            for kind, number in waiting:  # what no request met
                _do(shop, kind, number)
            shop.clock.advance(110)  # by now everything is committed, within the overlap
            shop.commit()
            for reader in (orders, trash):
                await reader.round()
                await reader.round()
    for reader, status in ((orders, "any"), (trash, "trash")):
        for id in shop.ids(status):
            assert reader.latest[id]["customer_note"] == shop.order(id)["customer_note"]


def _do(shop: Shop, kind: int, number: int) -> None:
    ids = shop.ids()
    id = ids[number % len(ids)] if ids else None
    if kind == Act.WAIT:
        shop.clock.advance(number % 3)
    elif kind == Act.NEW:
        shop.add()
    elif kind == Act.NEW_LATE:
        shop.add(commit_after=number % 100)
    elif id is None:
        return
    elif kind == Act.EDIT:
        shop.edit(id, customer_note=str(number))
    elif kind == Act.EDIT_LATE:
        shop.edit(id, customer_note=str(number), commit_after=number % 100)
    elif kind == Act.TRASH:
        shop.trash(id)
    elif kind == Act.DELETE:
        shop.delete(id)
    else:
        for other in ids[: number % 20]:
            shop.edit(other, customer_note=str(number))


def utc(text: str) -> datetime:
    """Aware UTC from digits."""
    return datetime.fromisoformat(f"{text}+00:00")


def placed(shop: Shop, id: int) -> datetime:
    """When an order was placed."""
    return utc(str(shop.order(id)["date_created_gmt"]))


@asynccontextmanager
async def raw_shop(orders: bytes) -> AsyncIterator[str]:
    """A server that answers requests for orders with this body, and others with an empty object."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = orders if b"/wc/v3/" in request.splitlines()[0] else b"{}"
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
