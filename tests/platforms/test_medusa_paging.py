"""Reading a Medusa: what moves which time, pages that shift, and parameters that are ignored in silence."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.medusa import Medusa, configuration
from connector.model.errors import AuthError, ConnectorError, Unavailable
from connector.runtime.http import Http
from connector.sdk.contract import History, Page, Poll
from tests.shops.medusa.contract import MedusaStandIn, stand_in

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[MedusaStandIn]:
    with stand_in() as shop:
        yield shop


@pytest.fixture
async def reader(shop: MedusaStandIn) -> AsyncIterator[Callable[..., Medusa]]:
    async with Http() as http:

        def adapter(*, url: str = "", **options: Any) -> Medusa:
            return Medusa(
                url=url or shop.url,
                credentials=configuration.Credentials.model_validate(shop.credentials),
                options=configuration.Options(**options),
                http=http,
            )

        yield adapter


async def read_round(adapter: Medusa, feed: str, cursor: str | None = None) -> tuple[list[str], str]:
    """The refs of one round, and where it ended."""
    refs: list[str] = []
    for _ in range(100):
        page = await adapter.changed(Poll(feed=feed, since=LONG_AGO, cursor=cursor))
        refs += [document.ref for document in page.documents]
        cursor = page.cursor
        if not page.more:
            return refs, cursor
    raise AssertionError("the poll does not come to an end")


async def refused(reading: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await reading
    return caught.value


# What moves which time


async def test_a_capture_shows_in_the_payments_alone(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(60)
    adapter = reader()
    _, orders = await read_round(adapter, "orders")
    _, payments = await read_round(adapter, "payments")
    shop.shop.capture(refs[7])
    assert refs[7] not in (await read_round(adapter, "orders", orders))[0]
    assert refs[7] in (await read_round(adapter, "payments", payments))[0]


async def test_a_refund_for_returned_goods_moves_neither_order_nor_payment_and_is_found_all_the_same(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(60)
    adapter = reader()
    before = {payment["id"]: payment["updated_at"] for payment in shop.shop.payments()}
    _, payments = await read_round(adapter, "payments")
    shop.shop.refund_returned(refs[30])
    assert before == {payment["id"]: payment["updated_at"] for payment in shop.shop.payments()}
    assert refs[30] in (await read_round(adapter, "payments", payments))[0]


async def test_what_moves_only_the_payments_is_a_later_version_of_the_order(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    (ref,) = shop.place(1)
    before = await reader().fetch(ref)
    shop.shop.capture(ref)
    after = await reader().fetch(ref)
    assert before is not None
    assert after is not None
    assert after.changed_at > before.changed_at


async def test_the_payments_of_the_past_are_read_down_to_the_beginning_once(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(95)
    found, cursor = await read_round(reader(), "payments")
    assert set(found) == set(refs)
    shop.shop.requests.clear()
    again, _ = await read_round(reader(), "payments", cursor)
    assert set(again) == set(refs[-13:])  # of the last two minutes
    assert len(shop.shop.requests) == 2


async def test_payments_that_move_while_they_are_read_are_not_lost(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(95)
    moving = iter(refs[::9])

    def capture_one() -> None:
        for ref in moving:
            shop.shop.capture(ref)
            return

    shop.before_request(capture_one)
    found, cursor = await read_round(reader(), "payments")
    found += (await read_round(reader(), "payments", cursor))[0]
    assert set(found) == set(refs)


async def test_payments_that_go_away_while_they_are_read_begin_the_round_anew(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(60)
    first = await reader().changed(Poll(feed="payments", since=LONG_AGO))
    for ref in refs[-3:]:
        shop.remove(ref)
    found, _ = await read_round(reader(), "payments", first.cursor)
    assert set(found) == set(refs[:-3])


async def test_an_order_that_cannot_be_shown_does_not_keep_the_payments_of_others_back(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(45)
    shop.break_order(refs[30])
    adapter = reader()
    page = await adapter.changed(Poll(feed="payments", since=LONG_AGO))
    found = {document.ref for document in page.documents}
    while page.more:
        page = await adapter.changed(Poll(feed="payments", since=LONG_AGO, cursor=page.cursor))
        found |= {document.ref for document in page.documents}
    assert found == set(refs) - {refs[30]}
    (gap,) = page.gaps
    assert f"order {refs[30]} cannot be read" in gap
    shop.broken = ""
    shop.shop.advance(timedelta(minutes=6))
    page = await adapter.changed(Poll(feed="payments", since=LONG_AGO, cursor=page.cursor))
    assert refs[30] in {document.ref for document in page.documents}
    assert not page.gaps


async def test_a_payment_of_a_cart_is_passed_over(shop: MedusaStandIn, reader: Callable[..., Medusa]) -> None:
    (ref,) = shop.place(1)
    shop.shop.orphans.append("2026-11-23T12:00:00.000Z")
    assert (await read_round(reader(), "payments"))[0] == [ref]


# Pages


async def test_more_orders_of_one_instant_than_a_page_holds_are_read_once_each(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = [*shop.place(3), *shop.place(9, same_second=True), *shop.place(3)]
    found, _ = await read_round(reader(page_size=2), "orders")
    assert sorted(found) == sorted(refs)


async def test_a_limit_that_something_caps_loses_nothing(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    refs = shop.place(30)
    shop.most = 7
    assert set((await read_round(reader(), "orders"))[0]) == set(refs)
    refs += shop.place(10, same_second=True)
    assert set((await read_round(reader(), "orders"))[0]) == set(refs)


async def test_a_round_starts_where_the_shop_may_still_have_written(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    (first,) = shop.place(1)
    shop.change(first)
    _, cursor = await read_round(reader(), "orders")
    late = shop.shop.place(at=shop.shop.now() - timedelta(seconds=90))
    assert late in (await read_round(reader(), "orders", cursor))[0]


# Silence


@pytest.mark.parametrize("feed", ["orders", "history"])
async def test_bounds_that_are_ignored_are_an_error_and_no_data(
    shop: MedusaStandIn, reader: Callable[..., Medusa], feed: str
) -> None:
    shop.place(5)
    shop.ignored = re.compile(r"(created|updated)_at\[")
    future = datetime.now(UTC) + timedelta(days=1)
    reading: Poll | History = Poll(feed="orders", since=future)
    if feed == "history":
        reading = History(since=future, until=future + timedelta(days=1))
    error = await refused(reader().changed(reading))
    assert isinstance(error, Unavailable)
    assert "ignores the bounds" in str(error)


async def test_ids_that_are_ignored_are_an_error(shop: MedusaStandIn, reader: Callable[..., Medusa]) -> None:
    refs = shop.place(5)
    shop.ignored = re.compile(r"id\[")
    error = await refused(reader().fetch_many(refs[2:4]))
    assert "ignores the filter id" in str(error)


async def test_a_shop_that_does_not_sort_is_an_error(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    shop.place(5)
    shop.shop.orders = dict(reversed(shop.shop.orders.items()))
    shop.ignored = re.compile(r"order$")
    until = datetime.now(UTC)
    error = await refused(reader(page_size=2).changed(History(since=LONG_AGO, until=until)))
    assert "does not sort" in str(error)
    whole = await reader().changed(History(since=LONG_AGO, until=until))  # then it does not matter
    assert len(whole.documents) == 5


async def test_a_list_shows_everything_that_an_order_needs(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    """Without ``fields`` it has neither e-mail nor currency."""
    shop.place(1)
    page: Page = await reader().changed(Poll(feed="orders", since=LONG_AGO))
    order = reader().parse(page.documents[0])
    assert (order.email, order.currency) == ("ada@example.com", "EUR")


# Access


async def test_a_draft_is_fetched_but_is_no_order(shop: MedusaStandIn, reader: Callable[..., Medusa]) -> None:
    ref = shop.shop.place(sample="draft")
    assert (await read_round(reader(), "orders"))[0] == []
    found = await reader().fetch(ref)
    assert found is not None
    assert not reader().parse(found).placed


async def test_a_key_that_the_shop_does_not_know_is_named_in_the_message(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    shop.fail("refused key")
    error = await refused(reader().check())
    assert isinstance(error, AuthError)
    assert "does not know this api_key" in str(error)


async def test_an_address_that_is_no_medusa_is_told_apart_from_an_order_that_is_gone(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    (ref,) = shop.place(1)
    error = await refused(reader(url=f"{shop.url}/storefront").fetch(ref))
    assert isinstance(error, Unavailable)
    assert "not the storefront" in str(error)


async def test_a_ref_that_no_medusa_gives_asks_nobody(
    shop: MedusaStandIn, reader: Callable[..., Medusa]
) -> None:
    assert await reader().fetch("../users") is None
    assert shop.shop.requests == []
