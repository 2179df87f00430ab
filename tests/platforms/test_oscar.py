"""django-oscar's quirks, each against a stand-in that has them."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.oscar import Oscar, orders
from adapters.oscar.configuration import Credentials, Options
from connector.model.errors import ConnectorError, Unavailable
from connector.runtime.http import Http
from connector.sdk.contract import Adapter, History, Poll
from tests.shops.oscar.contract import OscarStandIn, stand_in
from tests.shops.oscar.shop import Shop

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=365)


@pytest.fixture
def stand() -> Iterator[OscarStandIn]:
    with stand_in() as stand:
        yield stand


@pytest.fixture
def shop(stand: OscarStandIn) -> Shop:
    return stand.shop


def reader(stand: OscarStandIn, http: Http, *, watch: int = 20) -> Oscar:
    """The adapter with the token."""
    return Oscar(
        url=stand.url,
        credentials=Credentials.model_validate(stand.credentials),
        options=Options(watch=watch),
        http=http,
    )


async def polled(
    adapter: Adapter[Any, Any], cursor: str | None = None, *, since: datetime = LONG_AGO
) -> tuple[list[str], str]:
    """The refs of one round, and its cursor."""
    refs: list[str] = []
    more = True
    while more:
        page = await adapter.changed(Poll(feed="orders", since=since, cursor=cursor))
        refs += [document.ref for document in page.documents]
        cursor, more = page.cursor, page.more
    assert cursor is not None
    return refs, cursor


async def refused(reading: Coroutine[Any, Any, Any]) -> ConnectorError:
    """What it raises."""
    with pytest.raises(ConnectorError) as caught:
        await reading
    return caught.value


async def test_a_new_status_is_found_by_comparing_and_costs_one_request(
    stand: OscarStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http)
    refs = stand.place(10)
    found, cursor = await polled(adapter)
    assert found == refs
    assert (await polled(adapter, cursor))[0] == []
    stand.change(refs[3])
    asked = len(shop.requests)
    assert (await polled(adapter, cursor))[0] == [refs[3]]
    assert shop.requests[asked:] == ["/api/admin/orders/"]  # the lines are known


async def test_a_cursor_holds_no_more_than_the_orders_that_are_watched(
    stand: OscarStandIn, http: Http
) -> None:
    adapter = reader(stand, http, watch=20)
    refs = stand.place(300)
    found, cursor = await polled(adapter)
    assert set(found) == set(refs)
    _, cursor = await polled(adapter, cursor)
    assert cursor.count('":"') <= 21
    stand.change(refs[0])  # too old to be watched: the sweep's to find
    assert (await polled(adapter, cursor))[0] == []
    assert (await adapter.fetch_many([refs[0]]))[0].body["status"] == "Being processed"


@pytest.mark.parametrize("paged", [0, 10])
async def test_more_new_orders_than_are_watched_all_come_in(paged: int, http: Http) -> None:
    with stand_in(paged) as stand:
        adapter = reader(stand, http, watch=5)
        stand.shop.add(at=NOW - timedelta(days=2))
        _, cursor = await polled(adapter)
        burst = [stand.shop.add(at=NOW - timedelta(minutes=80 - number)) for number in range(80)]
        assert (await polled(adapter, cursor))[0] == burst


async def test_orders_from_before_the_store_are_watched_but_not_brought_in(
    stand: OscarStandIn, http: Http
) -> None:
    adapter = reader(stand, http)
    old = [stand.shop.add(at=NOW - timedelta(days=30 - day)) for day in range(3)]
    found, cursor = await polled(adapter, since=NOW)
    assert found == []
    stand.change(old[1])
    assert (await polled(adapter, cursor, since=NOW))[0] == [old[1]]


async def test_a_deleted_order_brings_no_old_one_in_its_place(stand: OscarStandIn, http: Http) -> None:
    adapter = reader(stand, http, watch=5)
    refs = stand.place(12)
    _, cursor = await polled(adapter, since=NOW)
    stand.remove(refs[-1])
    assert (await polled(adapter, cursor, since=NOW))[0] == []


async def test_history_in_pages_survives_orders_that_come_and_go(http: Http) -> None:
    with stand_in(paged=7) as stand:
        refs = stand.place(130)
        adapter = reader(stand, http)
        until = NOW + timedelta(hours=1)
        found: list[str] = []
        cursor, more = None, True
        while more:
            page = await adapter.changed(History(since=LONG_AGO, until=until, cursor=cursor))
            found += [document.ref for document in page.documents]
            cursor, more = page.cursor, page.more
            stand.shop.add(at=until)
            for ref in found[:8]:  # so many that what is still to be read moves up by a page
                stand.shop.orders.pop(ref, None)
        assert set(found) >= set(refs)
        assert len(found) == len(set(found))


async def test_history_goes_on_when_its_page_is_gone(http: Http) -> None:
    with stand_in(paged=10) as stand:
        refs = stand.place(55)
        adapter = reader(stand, http)
        read = History(since=LONG_AGO, until=NOW + timedelta(hours=1))
        first = await adapter.changed(read)
        for ref in refs[-30:]:
            stand.remove(ref)
        rest = await adapter.changed(History(since=read.since, until=read.until, cursor=first.cursor))
        assert {document.ref for page in (first, rest) for document in page.documents} == set(refs)
        assert not rest.more


async def test_lines_come_in_pages_too(http: Http) -> None:
    with stand_in(paged=4) as stand:
        ref = stand.shop.add()
        stand.shop.lines[ref] *= 9
        adapter = reader(stand, http)
        document = await adapter.fetch(ref)
        assert document is not None
        assert len(adapter.parse(document).line_items) == 9


async def test_a_blocked_admin_api_is_named(stand: OscarStandIn, shop: Shop, http: Http) -> None:
    shop.blocked = True
    error = await refused(reader(stand, http).check())
    assert isinstance(error, Unavailable)
    assert "OSCARAPI_BLOCK_ADMIN_API_ACCESS = False" in str(error)
    assert isinstance(await refused(reader(stand, http).fetch("1")), Unavailable)  # and no order is gone


async def test_a_line_has_the_sku_of_its_stock_record_else_its_products_id(
    stand: OscarStandIn, shop: Shop, http: Http
) -> None:
    known, gone = stand.place(2)
    adapter = reader(stand, http)
    document = await adapter.fetch(known)
    assert document is not None
    assert [line.sku for line in adapter.parse(document).line_items] == ["MUG-O"]
    shop.skus.clear()
    document = await reader(stand, http).fetch(gone)
    assert document is not None
    assert [line.sku for line in adapter.parse(document).line_items] == ["1"]


async def test_a_status_of_the_projects_own_has_no_value_and_is_named_by_check(
    stand: OscarStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http)
    ref = shop.add(status="Awaiting stock")
    document = await adapter.fetch(ref)
    assert document is not None
    order = adapter.parse(document)
    assert (order.financial.value, order.fulfillment.value) == (None, None)
    assert order.financial.words == ("Awaiting stock",)
    assert order.placed
    assert not order.settled
    (finding,) = [one for one in (await adapter.check()).findings if one.subject == "statuses"]
    assert "Awaiting stock" in finding.message


@pytest.mark.parametrize("following", ["?page=1", "?page=2", "?page={next}"])
async def test_pages_without_end_are_a_fault_and_no_work_for_ever(
    shop: Shop, stand: OscarStandIn, http: Http, following: str
) -> None:
    """Links that lead back to a page, to the same one, or ever on to the same orders."""
    shop.paged, shop.following = 2, following
    stand.place(6)
    adapter = reader(stand, http)
    read = History(since=LONG_AGO, until=NOW + timedelta(hours=1))
    for reading in (polled(adapter), adapter.changed(read)):
        asked = len(shop.requests)
        assert "has no end" in str(await refused(reading))
        assert len(shop.requests) - asked < 20


async def test_orders_without_end_are_a_fault_of_the_poll(
    shop: Shop, stand: OscarStandIn, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "MOST_ROWS", 10)
    stand.place(30)
    shop.paged = 5
    assert "more than 10 orders since" in str(await refused(polled(reader(stand, http))))
    assert len(shop.requests) == 3


async def test_a_list_in_another_order_is_not_trusted(stand: OscarStandIn, shop: Shop, http: Http) -> None:
    stand.place(3)
    shop.newest_first = False
    assert "newest first" in str(await refused(polled(reader(stand, http))))


async def test_every_request_for_an_order_counts_for_the_pace_of_the_sweep(
    stand: OscarStandIn, shop: Shop, http: Http
) -> None:
    refs = stand.place(2)
    one, other = reader(stand, http.shared()), reader(stand, http.shared())
    await one.fetch_many(refs)
    assert one.http.sent == len(shop.requests) == 5  # two orders, their lines, one sku
    assert other.http.sent == http.sent == 0
