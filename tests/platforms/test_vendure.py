"""Vendure's quirks, each against a stand-in that has them."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.vendure import Vendure
from adapters.vendure.configuration import Credentials, Options
from connector.model.errors import AuthError, ConnectorError, Unavailable
from connector.model.order import FinancialStatus, FulfillmentStatus
from connector.runtime.http import Http
from connector.sdk.contract import Adapter, History, Poll
from tests.shops.vendure.contract import VendureStandIn, stand_in
from tests.shops.vendure.shop import Shop

YEAR = timedelta(days=365)


@pytest.fixture
def stand() -> Iterator[VendureStandIn]:
    with stand_in() as stand:
        yield stand


@pytest.fixture
def shop(stand: VendureStandIn) -> Shop:
    return stand.shop


def reader(stand: VendureStandIn, http: Http, **options: Any) -> Vendure:
    """The adapter with the key."""
    return Vendure(
        url=stand.url,
        credentials=Credentials.model_validate(stand.credentials),
        options=Options.model_validate(options),
        http=http,
    )


async def polled(adapter: Adapter[Any, Any], feed: str, cursor: str | None = None) -> tuple[list[str], str]:
    """The refs of one round of a feed, and its cursor."""
    refs: list[str] = []
    more = True
    while more:
        page = await adapter.changed(Poll(feed=feed, since=datetime.now(UTC) - YEAR, cursor=cursor))
        refs += [document.ref for document in page.documents]
        cursor, more = page.cursor, page.more
    assert cursor is not None
    return refs, cursor


async def refused(reading: Coroutine[Any, Any, Any]) -> ConnectorError:
    """What it raises."""
    with pytest.raises(ConnectorError) as caught:
        await reading
    return caught.value


async def test_a_cart_paid_long_after_its_last_edit_is_found_by_the_feed_of_placements(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http)
    cart = shop.add("cart_arranging_payment", at=datetime.now(UTC) - timedelta(hours=5))
    shop.add(at=datetime.now(UTC) - timedelta(hours=1))
    _, edits = await polled(adapter, "orders")
    _, placements = await polled(adapter, "placed")
    shop.place(cart)
    assert cart not in (await polled(adapter, "orders", edits))[0]
    assert cart in (await polled(adapter, "placed", placements))[0]


async def test_orders_placed_and_changed_in_another_order_than_their_ids_are_all_read(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http, page_size=10)
    refs = stand.place(45)
    times = [shop.orders[ref].times for ref in refs]
    for number, ref in enumerate(refs):
        shop.orders[ref].times = times[number * 7 % len(refs)]
    for feed in adapter.feeds:
        assert {*(await polled(adapter, feed))[0]} == {*refs}
    until = datetime.now(UTC) + timedelta(minutes=1)
    page = await adapter.changed(History(since=until - YEAR, until=until))
    found = [document.ref for document in page.documents]
    while page.more:
        page = await adapter.changed(History(since=until - YEAR, until=until, cursor=page.cursor))
        found += [document.ref for document in page.documents]
    assert {*found} == {*refs}


async def test_a_list_that_is_not_sorted_as_asked_is_no_list(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    stand.place(3)
    shop.orders = dict(reversed(shop.orders.items()))
    shop.sorts = False
    until = datetime.now(UTC) + timedelta(minutes=1)
    adapter = reader(stand, http, page_size=2)
    for read in (Poll(feed="orders", since=until - YEAR), History(since=until - YEAR, until=until)):
        assert "does not sort" in str(await refused(adapter.changed(read)))


async def test_carts_and_drafts_are_not_asked_for(stand: VendureStandIn, shop: Shop, http: Http) -> None:
    adapter = reader(stand, http)
    for sample in ("cart_adding_items", "cart_arranging_payment"):
        shop.add(sample)
    assert (await polled(adapter, "orders"))[0] == []
    until = datetime.now(UTC) + timedelta(minutes=1)
    assert (await adapter.changed(History(since=until - YEAR, until=until))).total == 0


async def test_what_no_poll_shows_is_seen_when_open_orders_are_fetched_together(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http)
    refs = stand.place(30)
    _, edits = await polled(adapter, "orders")
    _, placements = await polled(adapter, "placed")
    shop.deliver(refs[0])
    shop.refund(refs[1], 500)
    for feed, cursor in (("orders", edits), ("placed", placements)):
        seen, _ = await polled(adapter, feed, cursor)
        assert not {refs[0], refs[1]} & set(seen)
    asked = len(shop.requests)
    found = {document.ref: document for document in await adapter.fetch_many(refs)}
    assert len(shop.requests) == asked + 1
    assert adapter.parse(found[refs[0]]).fulfillment.value is FulfillmentStatus.DELIVERED
    assert adapter.parse(found[refs[1]]).financial.value is FinancialStatus.PARTIALLY_REFUNDED
    assert found[refs[1]].changed_at > found[refs[2]].changed_at


@pytest.mark.parametrize("step", [timedelta(0), timedelta(microseconds=7), timedelta(microseconds=300)])
async def test_more_orders_in_a_millisecond_than_on_a_page_are_all_read(
    stand: VendureStandIn, shop: Shop, http: Http, step: timedelta
) -> None:
    adapter = reader(stand, http, page_size=7)
    start = datetime(2026, 5, 1, 12, 0, 0, 618_561, tzinfo=UTC)
    refs = [shop.add(at=start + number * step) for number in range(60)]
    for feed in adapter.feeds:
        assert set((await polled(adapter, feed))[0]) == set(refs)
    found: set[str] = set()
    cursor, more = None, True
    while more:
        read = History(since=start - YEAR, until=start + YEAR, cursor=cursor)
        page = await adapter.changed(read)
        found |= {document.ref for document in page.documents}
        cursor, more = page.cursor, page.more
    assert found == set(refs)


async def test_a_channel_that_the_shop_has_not_is_refused_though_the_shop_takes_any(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    stand.place(1)
    adapter = reader(stand, http, channel="german")
    for reading in (adapter.check(), adapter.fetch("1"), polled(adapter, "orders")):
        error = await refused(reading)
        assert isinstance(error, AuthError)
        assert "options.channel" in str(error)
    shop.channels.append("other")
    assert "options.channel" in str(await refused(adapter.check()))
    shop.channels.append("german")
    assert (await adapter.check()).identity.endswith("/admin-api channel channel-german")


async def test_the_parts_of_sellers_are_left_out_unless_the_store_reads_them(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    whole, part = shop.add(type="Aggregate"), shop.add(type="Seller")
    market, seller = reader(stand, http), reader(stand, http, seller_orders=True)
    assert (await polled(market, "orders"))[0] == [whole]
    assert await market.fetch(part) is None
    assert (await polled(seller, "orders"))[0] == [part]
    assert await seller.fetch(whole) is None


async def test_amounts_have_as_many_decimals_as_the_server_keeps(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    (ref,) = stand.place(1)
    shop.precision = 4
    document = await reader(stand, http).fetch(ref)
    assert document is not None
    order = reader(stand, http).parse(document)
    assert (order.total, order.subtotal) == (Decimal("0.5937"), Decimal("0.4499"))


async def test_custom_fields_are_asked_for_by_name(stand: VendureStandIn, shop: Shop, http: Http) -> None:
    (ref,) = stand.place(1)
    error = await refused(reader(stand, http, order_fields=["gift"]).fetch(ref))
    assert isinstance(error, Unavailable)
    assert "customFields" in str(error)
    assert "order_fields" in str(error)
    with pytest.raises(ValidationError):
        Options.model_validate({"order_fields": ["x } } mutation { deleteOrder"]})


async def test_a_state_of_the_shops_own_has_a_value_only_when_parcels_prove_it(
    stand: VendureStandIn, shop: Shop, http: Http
) -> None:
    adapter = reader(stand, http)
    (ref,) = stand.place(1)
    shop.orders[ref].body["state"] = "ReadyForPickup"
    document = await adapter.fetch(ref)
    assert document is not None
    fulfillment = adapter.parse(document).fulfillment
    assert (fulfillment.value, fulfillment.words) == (None, ("ReadyForPickup",))
    shop.deliver(ref)
    shop.orders[ref].body["state"] = "InTheHandsOfTheBuyer"
    document = await adapter.fetch(ref)
    assert document is not None
    assert adapter.parse(document).fulfillment.value is FulfillmentStatus.DELIVERED


async def test_ids_that_are_text_are_named_by_check(stand: VendureStandIn, shop: Shop, http: Http) -> None:
    (ref,) = stand.place(1)
    shop.orders[ref].body["id"] = "0f6e3b1c-0000-4000-8000-000000000001"
    report = await reader(stand, http).check()
    (finding,) = [one for one in report.findings if one.subject == "ids"]
    assert "strategy" in finding.message


@pytest.mark.parametrize(
    ("full", "names"),
    [
        ("Bo Sample", ("Bo", "Sample")),
        ("Anna Maria van Dijk", ("Anna Maria van", "Dijk")),
        ("Cher", ("Cher", "")),
        ("Ludwig van Beethoven", ("Ludwig", "van Beethoven")),  # as the customer writes it
    ],
)
async def test_the_one_name_of_an_address_is_taken_apart(
    stand: VendureStandIn, shop: Shop, http: Http, full: str, names: tuple[str, str]
) -> None:
    (ref,) = stand.place(1)
    body = shop.orders[ref].body
    body["customer"] |= {"firstName": "Ludwig", "lastName": "van Beethoven"}
    body["shippingAddress"]["fullName"] = full
    document = await reader(stand, http).fetch(ref)
    assert document is not None
    shipping = reader(stand, http).parse(document).shipping
    assert (shipping.first_name, shipping.last_name) == names
