"""The sample shop: its past, its life, its own API, and what its adapter makes of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from adapters.sample import Credentials, SampleAdapter
from connector.demo.shop.life import KINDS, furnish, live
from connector.demo.shop.server import serving
from connector.demo.shop.shop import Shop, ShopOrder
from connector.model.errors import BadOrder, Forged
from connector.model.order import Document, FinancialStatus, Order
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk.contract import History, NoOptions, WebhookRequest

KEY = "a-key"


def test_the_past_has_every_kind_of_order_and_all_of_it_can_be_read() -> None:
    shop = _furnished()
    orders = [_parse(order) for order in shop.orders.values()]
    assert len(orders) == 120 > len(KINDS)
    assert {order.financial.value for order in orders} >= {
        FinancialStatus.PAID,
        FinancialStatus.REFUNDED,
        FinancialStatus.PARTIALLY_REFUNDED,
        FinancialStatus.VOIDED,
    }
    assert any(order.fulfillment.value is None for order in orders)
    assert any(order.test for order in orders)
    assert any(not order.placed for order in orders)
    assert any(not order.email and not order.phones for order in orders)
    assert any(order.discounts for order in orders)
    assert any(order.total == 0 for order in orders)
    assert {given for order in orders for given in (order.email_consent and order.email_consent.given,)} == {
        True,
        False,
        None,
    }
    assert len({order.currency for order in orders}) > 5
    assert all(order.email.endswith("@example.com") for order in orders if order.email)


def test_the_same_seed_makes_the_same_past() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    pasts = []
    for _ in range(2):
        shop = Shop(lambda: now)
        furnish(shop, Random(7))
        pasts.append(exact_json.encode(list(shop.orders.values())))
    assert pasts[0] == pasts[1]


def test_the_past_lies_within_two_years_and_before_now() -> None:
    now = datetime.now(UTC)
    for order in _furnished().orders.values():
        assert now - timedelta(days=731) < order.created_at <= order.changed_at < now


async def test_the_shop_lives_new_orders_are_placed_and_old_ones_go_on() -> None:
    shop = _furnished()
    happened: list[ShopOrder] = []
    enough = asyncio.Event()

    def note(order: ShopOrder) -> None:
        happened.append(order)
        if len(happened) >= 150:
            enough.set()

    shop.on_change = note
    task = asyncio.create_task(live(shop, Random(3), every=0.0))
    await asyncio.wait_for(enough.wait(), 20)
    task.cancel()
    assert len(shop.orders) > 120
    assert {order.delivery for order in happened} >= {"new", "packing", "shipped", "delivered"}
    stamps = [order.changed_at for order in happened]
    assert stamps == sorted(set(stamps))


async def test_history_of_the_whole_past_comes_in_pages_over_a_real_socket() -> None:
    shop = _furnished()
    async with serving(shop, KEY) as url, Http() as http:
        adapter = _adapter(url, http)
        read = History(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime.now(UTC))
        pages = [await adapter.changed(read)]
        while pages[-1].more:
            pages.append(
                await adapter.changed(History(since=read.since, until=read.until, cursor=pages[-1].cursor))
            )
        refs = [document.ref for page in pages for document in page.documents]
        assert len(refs) == len(set(refs)) == 120
        assert {page.total for page in pages} == {120}
        assert max(len(page.documents) for page in pages) == 50


async def test_the_api_refuses_a_wrong_question_with_a_sentence() -> None:
    async with serving(Shop(), KEY) as url, Http() as http:
        headers = {"Authorization": f"Bearer {KEY}"}
        for query in ({}, {"changed_since": "yesterday"}, {"changed_since": "2026-01-01", "limit": "x"}):
            reply = await http.send("GET", f"{url}/orders", params=query, headers=headers)
            assert reply.status == 400
            assert reply.json()["error"]
        assert (await http.send("GET", f"{url}/orders")).status == 401


def test_money_that_went_back_shows_in_the_status_and_not_in_the_total() -> None:
    order = next(order for order in _furnished().orders.values() if order.refunded == order.total > 0)
    parsed = _parse(order)
    assert parsed.financial.value is FinancialStatus.REFUNDED
    assert parsed.financial.firm
    assert parsed.total == order.total


def test_a_field_of_another_type_is_named() -> None:
    body = _body(_furnished().orders[1001])
    body["lines"][0]["quantity"] = "many"
    with pytest.raises(BadOrder, match=r"lines\[0\]\.quantity"):
        _read(body)


def test_every_webhook_is_forged() -> None:
    with pytest.raises(Forged):
        _adapter("http://127.0.0.1:1", Http()).read_webhook(
            WebhookRequest(headers={}, body=b"{}"), ["secret"]
        )


def _furnished() -> Shop:
    shop = Shop()
    furnish(shop, Random(5))
    return shop


def _adapter(url: str, http: Http) -> SampleAdapter:
    credentials = Credentials.model_validate({"api_key": KEY})
    return SampleAdapter(url=url, credentials=credentials, options=NoOptions(), http=http)


def _body(order: ShopOrder) -> dict[str, Any]:
    body: dict[str, Any] = exact_json.decode(exact_json.encode(order))
    return body


def _parse(order: ShopOrder) -> Order:
    return _read(_body(order))


def _read(body: dict[str, Any]) -> Order:
    document = Document(ref=str(body["id"]), changed_at=datetime.now(UTC), body=body)
    return _adapter("http://127.0.0.1:1", Http()).parse(document)
