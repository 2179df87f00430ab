"""Shopify: polling, history page by page, bulk operations that end in every way, and their reports."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.shopify import Shopify, bulk, orders
from adapters.shopify.configuration import Credentials, Options
from adapters.shopify.report import Report
from connector.model.errors import AuthError, Unavailable
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk.contract import History, Page, Poll
from tests.shops.shopify import Bucket, Shop, serve
from tests.shops.shopify.catalogue import KINDS

APP = {"client_id": "client_test", "client_secret": "shpss_test"}
NEWEST = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)


def adapter(url: str, http: Http, **options: Any) -> Shopify:
    """An adapter of a shop at ``url``."""
    return Shopify(
        url=url,
        credentials=Credentials.model_validate(APP),
        options=Options.model_validate(options),
        http=http,
    )


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop with points in plenty; it must understand whatever it is asked."""
    shop = Shop(bucket=Bucket(maximum=1_000_000, restore=50_000))
    yield shop
    assert not shop.mistakes


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with serve(shop) as url:
        yield url


def seeded(shop: Shop, orders: int, step: float = 60.0) -> list[str]:
    """Orders up to noon of the 20th; their refs, newest first."""
    return [str(id) for id in reversed(shop.seed(orders, until=NEWEST.isoformat(), step=step))]


async def polled(ours: Shopify, cursor: str | None = None) -> tuple[list[str], str]:
    """The refs of one round, and its cursor."""
    refs: list[str] = []
    while True:
        page = await ours.changed(Poll(feed="orders", since=SINCE, cursor=cursor))
        refs += [document.ref for document in page.documents]
        cursor = page.cursor
        if not page.more:
            return refs, cursor


async def pages(
    ours: Shopify | Callable[[], Shopify],
    cursor: str | None = None,
    meanwhile: Callable[[Page], object] = str,
) -> list[Page]:
    """A whole history; ``ours`` may make an adapter for each page, as after a kill."""
    found: list[Page] = []
    for _ in range(100):
        reader = ours if isinstance(ours, Shopify) else ours()
        found.append(await reader.changed(History(since=SINCE, until=UNTIL, cursor=cursor)))
        if not found[-1].more:
            return found
        cursor = found[-1].cursor
        meanwhile(found[-1])
    raise AssertionError("the history does not come to an end")


def refs_of(found: list[Page]) -> list[str]:
    return [document.ref for page in found for document in page.documents]


def started(shop: Shop) -> int:
    """How many bulk operations were asked for."""
    return sum("bulkOperationRunQuery" in str(body) for _, _, body in shop.requests)


# One document, however it is read


@pytest.mark.parametrize("money", ["shop", "presentment"])
async def test_a_poll_a_bulk_row_a_page_and_single_orders_are_the_same_document(
    shop: Shop, url: str, http: Http, money: str
) -> None:
    for number, kind in enumerate(KINDS):
        shop.add(kind, placed_at=(NEWEST + timedelta(minutes=number)).isoformat())
    ours = adapter(url, http, money=money, bulk_above=0)
    polls = (await ours.changed(Poll(feed="orders", since=SINCE))).documents
    found = {document.ref: document for document in polls}
    assert len(found) == len(KINDS)
    in_bulk = [document for page in await pages(ours) for document in page.documents]
    assert started(shop) == 1
    by_page = [
        document for page in await pages(adapter(url, http, money=money)) for document in page.documents
    ]
    several = await ours.fetch_many(list(found))
    for documents in (in_bulk, by_page, several):
        assert {document.ref: document for document in documents} == found
    for ref, document in found.items():
        assert await ours.fetch(ref) == document
        assert ours.parse(document).total


async def test_every_line_of_a_long_order_comes(shop: Shop, url: str, http: Http) -> None:
    id = shop.add("long")
    line = shop.orders[id].lines[0]
    shop.orders[id].lines += [replace(line, id=number) for number in range(1, 300)]
    document = await adapter(url, http).fetch(str(id))
    assert document is not None
    assert len({line["id"] for line in document.body["lineItems"]}) == 45 + 299


# Polls


async def test_what_the_index_shows_late_is_found_by_the_next_round(shop: Shop, url: str, http: Http) -> None:
    shop.index_lag = 3600.0
    late = str(shop.add())
    shop.index_lag = 0.0
    early = str(shop.add())
    ours = adapter(url, http)
    refs, cursor = await polled(ours)
    assert refs == [early]
    shop.commit()
    assert late in (await polled(ours, cursor))[0]


async def test_a_quiet_shop_is_asked_for_its_last_minutes_only(shop: Shop, url: str, http: Http) -> None:
    refs = seeded(shop, 60)
    ours = adapter(url, http)
    found, cursor = await polled(ours)
    assert found == refs[::-1]
    again, cursor = await polled(ours, cursor)
    assert again == refs[10::-1]
    assert (await polled(ours, cursor))[0] == again


async def test_a_poll_goes_on_beyond_the_depth_at_which_shopify_stops(
    shop: Shop, url: str, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_ROWS", 40)
    shop.deepest = 50
    refs = seeded(shop, 130)
    ours = adapter(url, http, page_size=20)
    assert set((await polled(ours))[0]) == set(refs)


async def test_a_history_goes_on_beyond_the_depth_at_which_shopify_stops(
    shop: Shop, url: str, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_ROWS", 40)
    shop.deepest = 50
    refs = seeded(shop, 130)
    found = refs_of(await pages(adapter(url, http, page_size=20)))
    assert list(dict.fromkeys(found)) == refs


async def test_the_newest_few_are_read_at_once(shop: Shop, url: str, http: Http) -> None:
    refs = seeded(shop, 40)
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL, few=True))
    assert [document.ref for document in page.documents] == refs[:10]
    assert started(shop) == 0


# Bulk operations


async def test_a_long_history_is_prepared_by_the_shop(shop: Shop, url: str, http: Http) -> None:
    refs = seeded(shop, 230)
    found = await pages(adapter(url, http, bulk_above=100))
    assert refs_of(found) == refs
    assert started(shop) == 1
    assert found[0].wait > 0
    assert found[0].total == 230
    assert all(page.as_of is not None for page in found if page.documents)
    assert max(len(page.documents) for page in found) <= bulk.PAGE
    assert found[-1].position == NEWEST - timedelta(minutes=229)


async def test_a_short_history_is_read_page_by_page(shop: Shop, url: str, http: Http) -> None:
    refs = seeded(shop, 100)
    assert refs_of(await pages(adapter(url, http, bulk_above=100))) == refs
    assert started(shop) == 0


async def test_after_a_kill_at_any_page_the_report_is_downloaded_again_and_read_on(
    shop: Shop, url: str, http: Http
) -> None:
    refs = seeded(shop, 230)
    assert refs_of(await pages(lambda: adapter(url, http, bulk_above=0))) == refs
    assert started(shop) == 1
    assert shop.bulk.fetched == 3


async def test_a_report_that_is_gone_is_prepared_anew_for_what_is_missing(
    shop: Shop, url: str, http: Http
) -> None:
    refs = seeded(shop, 230)

    def expire(page: Page) -> None:
        if page.documents:
            shop.bulk.expire()

    found = refs_of(await pages(lambda: adapter(url, http, bulk_above=0), meanwhile=expire))
    assert list(dict.fromkeys(found)) == refs
    assert len(found) < 240
    assert started(shop) == 3


@pytest.mark.parametrize(
    ("status", "error", "operations"),
    [
        ("FAILED", "TIMEOUT", 1),
        ("FAILED", "INTERNAL_SERVER_ERROR", 1),
        ("CANCELED", None, 2),
        ("EXPIRED", None, 2),
    ],
)
@pytest.mark.parametrize("partial", [True, False])
async def test_an_operation_that_ends_badly_loses_nothing(
    shop: Shop, url: str, http: Http, status: str, error: str | None, operations: int, partial: bool
) -> None:
    refs = seeded(shop, 120)
    shop.bulk.script(status, error, partial=partial)
    found = await pages(adapter(url, http, bulk_above=0))
    assert refs_of(found) == refs
    assert started(shop) == operations
    for page in found:
        for document in page.documents:
            assert document.body["lineItems"]


async def test_operations_that_never_come_to_a_good_end_give_way_to_pages(
    shop: Shop, url: str, http: Http
) -> None:
    refs = seeded(shop, 120)
    for _ in range(bulk.MOST_TRIES):
        shop.bulk.script("CANCELED")
    assert refs_of(await pages(adapter(url, http, bulk_above=0))) == refs
    assert started(shop) == bulk.MOST_TRIES


async def test_where_others_use_up_the_operations_history_is_read_page_by_page(
    shop: Shop, url: str, http: Http
) -> None:
    refs = seeded(shop, 120)
    shop.bulk.held = True
    for _ in range(5):
        await adapter(url, http, bulk_above=0).changed(History(since=SINCE, until=UNTIL))
    assert refs_of(await pages(adapter(url, http, bulk_above=0))) == refs


async def test_an_operation_under_way_is_looked_at_now_and_then(shop: Shop, url: str, http: Http) -> None:
    refs = seeded(shop, 120)
    shop.bulk.held = True
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL))
    for _ in range(3):
        page = await ours.changed(History(since=SINCE, until=UNTIL, cursor=page.cursor))
        assert page.more
        assert page.wait == bulk.LOOK
        assert not page.documents
    shop.bulk.held = False
    assert refs_of(await pages(ours, page.cursor)) == refs


async def test_a_report_in_which_nothing_was_found_has_no_address(shop: Shop, url: str, http: Http) -> None:
    seeded(shop, 3)
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL))
    for id in shop.ids():
        shop.delete(id)
    found = await pages(ours, page.cursor)
    assert refs_of(found) == []
    assert started(shop) == 1


async def test_a_report_with_fewer_orders_than_the_shop_counts_is_not_trusted(
    shop: Shop, url: str, http: Http
) -> None:
    refs = seeded(shop, 120)
    shop.bulk.held = True
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL))
    shop.bulk.finish()
    left_out = str(shop.add(placed_at=(NEWEST - timedelta(days=3)).isoformat()))
    found = refs_of(await pages(ours, page.cursor))
    assert found == [*refs, left_out]
    assert started(shop) == 1


async def test_an_empty_report_is_not_trusted_where_the_shop_counts_orders(
    shop: Shop, url: str, http: Http
) -> None:
    seeded(shop, 3)
    shop.bulk.held = True
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL))
    for id in shop.ids():
        shop.delete(id)
    shop.bulk.finish()
    left_out = str(shop.add(placed_at=(NEWEST - timedelta(days=3)).isoformat()))
    assert refs_of(await pages(ours, page.cursor)) == [left_out]


@pytest.mark.parametrize("fault", ["truncated", "broken", "reset", "500", "502"])
async def test_a_download_that_breaks_is_begun_anew(shop: Shop, url: str, http: Http, fault: str) -> None:
    refs = seeded(shop, 120)
    ours = adapter(url, http, bulk_above=0)
    shop.fail(fault, path="jsonl")
    cursor, faults = None, 0
    found: list[str] = []
    while True:
        try:
            page = await ours.changed(History(since=SINCE, until=UNTIL, cursor=cursor))
        except Unavailable:
            faults += 1
            continue
        found += [document.ref for document in page.documents]
        cursor = page.cursor
        if not page.more:
            break
    assert found == refs
    assert faults == 1 or fault == "reset"  # which aiohttp makes good by itself


async def test_a_download_that_falls_silent_is_given_up(shop: Shop, url: str) -> None:
    seeded(shop, 3)
    shop.fail("hang", path="jsonl", times=None)
    async with Http(read_seconds=2.0) as http:
        with pytest.raises(Unavailable):
            await pages(adapter(url, http, bulk_above=0))


async def test_a_bulk_operation_needs_the_scope_too(shop: Shop, url: str, http: Http) -> None:
    seeded(shop, 3)
    ours = adapter(url, http, bulk_above=0)
    page = await ours.changed(History(since=SINCE, until=UNTIL))
    shop.scopes.remove("read_orders")
    with pytest.raises(AuthError):
        await pages(ours, page.cursor)


# Reports


def report_of(*lines: bytes) -> Report:
    report = Report()
    report.file.write(b"".join(line + b"\n" for line in lines))
    report.index()
    return report


def order_line(number: int) -> bytes:
    return b'{"id":"gid:\\/\\/shopify\\/Order\\/%d","legacyResourceId":"%d"}' % (number, number)


def item_line(number: int, parent: int) -> bytes:
    return b'{"id":"gid://shopify/LineItem/%d","__parentId":"gid://shopify/Order/%d"}' % (number, parent)


def lines_of(documents: list[Document]) -> dict[str, list[str]]:
    return {
        document.ref: [line["id"].rpartition("/")[2] for line in document.body["lineItems"]]
        for document in documents
    }


def test_lines_are_found_wherever_they_stand() -> None:
    report = report_of(
        item_line(11, 1), order_line(1), order_line(2), b"", item_line(31, 3), item_line(12, 1),
        order_line(3), item_line(32, 3), order_line(4),
    )  # fmt: skip
    assert report.orders == 4
    assert lines_of(report.page(0, 2)) == {"1": ["11", "12"], "2": []}
    assert lines_of(report.page(2, 100)) == {"3": ["31", "32"], "4": []}
    assert report.page(4, 100) == []
    assert "__parentId" not in exact_json.encode(report.page(0, 1)[0].body).decode()
    report.close()


@pytest.mark.parametrize(
    "line", [b'{"id":"gid://shopify/Order/1","lega', b"[]", b'{"id":"x"}', b"\xff", b"{}"]
)
def test_a_line_that_cannot_be_read_breaks_the_report(line: bytes) -> None:
    with pytest.raises(Unavailable):
        report_of(order_line(2), line)


def test_a_report_takes_no_more_memory_when_it_is_long_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    report = Report()
    for start in range(0, 30_000, 1000):
        numbers = range(start, start + 1000)
        report.file.write(b"".join(order_line(n) + b"\n" + item_line(n, n) + b"\n" for n in numbers))
    tracemalloc.start()
    report.index()
    for start in range(0, 30_000, 100):
        assert len(report.page(start, 100)) == 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
    assert list(tmp_path.iterdir()) == []
    report.close()
