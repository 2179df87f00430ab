"""What the adapter makes of orders against the stand-in's own books.

The stand-in keeps what was bought, shipped, paid and given back; the adapter sees only what the API shows of
it. Both were written from Shopify's documentation, each without the other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from adapters.shopify import Shopify
from connector.model.errors import Unavailable
from connector.model.order import FinancialStatus, FulfillmentStatus
from connector.model.order import Order as Read
from connector.runtime.http import Http
from connector.sdk.contract import History, Poll
from tests.shops.shopify import Bucket, Shop, serve
from tests.shops.shopify.catalogue import KINDS
from tests.shops.shopify.orders import Line, Order
from tests.shops.shopify.recordings import CREDENTIALS

CENT = Decimal("0.01")
LONG_AGO, FAR = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
EACH = 12  # orders of each kind, with what becomes of them


@pytest.fixture
def shop() -> Shop:
    """Orders of every kind to which everything happens that can happen."""
    shop = Shop(bucket=Bucket(1_000_000, 100_000))
    shop.bulk.looks = 0
    dice = Random(2026)
    for kind in KINDS:
        for _ in range(EACH):
            number = shop.add(kind)
            for act in dice.choices(CHANGES, k=dice.randint(0, 7)):
                act(shop, number, dice)
    return shop


def _edit(shop: Shop, number: int, dice: Random) -> None:
    order = shop.orders[number]
    first = order.lines[0]
    if not order.refunds and not order.parcels and not order.cancelled_at:
        shop.edit(number, remove=dice.randint(0, first.kept))


def _add_line(shop: Shop, number: int, dice: Random) -> None:
    if not shop.orders[number].cancelled_at:
        shop.edit(number, title="Gift", price="7.50", quantity=dice.randint(1, 3))


def _pay(shop: Shop, number: int, dice: Random) -> None:
    if shop.orders[number].outstanding and not shop.orders[number].cancelled_at:
        shop.pay(number)


def _ship(shop: Shop, number: int, dice: Random) -> None:
    order = shop.orders[number]
    if any(line.ships and line.kept > line.refunded for line in order.lines) and not order.cancelled_at:
        shop.fulfil(number, lines=dice.choice((1, None)))


def _deliver(shop: Shop, number: int, dice: Random) -> None:
    for parcel in shop.orders[number].parcels:
        display = dice.choice(("DELIVERED", "DELIVERED", "IN_TRANSIT", "PICKED_UP", "NOT_DELIVERED"))
        shop.carrier(number, display, parcel.id)


def _void_parcel(shop: Shop, number: int, dice: Random) -> None:
    for parcel in shop.orders[number].parcels[:1]:
        parcel.status, parcel.display = "CANCELLED", "CANCELED"


def _refund(shop: Shop, number: int, dice: Random) -> None:
    order = shop.orders[number]
    if order.received > order.refunded:
        shop.refund(number, dice.choice((None, "1.00")))


def _cancel(shop: Shop, number: int, dice: Random) -> None:
    order = shop.orders[number]
    if not order.refunds and not order.parcels and not order.cancelled_at:
        shop.cancel(number)


CHANGES: list[Callable[[Shop, int, Random], None]] = [
    _edit, _add_line, _pay, _ship, _ship, _ship, _deliver, _deliver, _void_parcel, _refund, _cancel,
]  # fmt: skip


async def test_orders_are_read_as_they_are_by_poll_and_by_report(shop: Shop) -> None:
    with serve(shop) as url:
        async with Http() as http:
            adapter = _adapter(url, http)
            polled = await _polled(adapter)
            reported = await _reported(adapter)
    assert polled == reported
    assert set(polled) == set(shop.orders)
    for number, order in shop.orders.items():
        _judge(order, polled[number])
    states = {(str(one.financial.value), str(one.fulfillment.value)) for one in polled.values()}
    assert len(states) > 12, states  # enough has happened
    assert not shop.mistakes


def _adapter(url: str, http: Http) -> Shopify:
    """One that reads any history by a report."""
    return Shopify(
        url=url,
        credentials=Shopify.Credentials.model_validate(CREDENTIALS),
        options=Shopify.Options.model_validate({"bulk_above": 0}),
        http=http,
    )


@pytest.mark.parametrize("nonsense", ["strange", "empty", "html", "truncated", "internal"])
async def test_no_nonsense_that_the_shop_answers_means_that_an_order_is_gone(nonsense: str) -> None:
    shop = Shop()
    number = str(shop.add())
    with serve(shop) as url:
        async with Http() as http:
            adapter = _adapter(url, http)
            assert await adapter.fetch(number)
            shop.fail(nonsense, times=None, path="graphql")
            for work in (adapter.fetch(number), adapter.fetch_many([number])):
                with pytest.raises(Unavailable):
                    await work


async def _polled(adapter: Shopify) -> dict[int, Read]:
    found: dict[int, Read] = {}
    cursor, more = None, True
    while more:
        page = await adapter.changed(Poll(feed="orders", since=LONG_AGO, cursor=cursor))
        found |= {int(one.ref): adapter.parse(one) for one in page.documents}
        cursor, more = page.cursor, page.more
    return found


async def _reported(adapter: Shopify) -> dict[int, Read]:
    found: dict[int, Read] = {}
    cursor, more = None, True
    while more:
        page = await adapter.changed(History(since=LONG_AGO, until=FAR, cursor=cursor))
        found |= {int(one.ref): adapter.parse(one) for one in page.documents}
        cursor, more = page.cursor, page.more
    return found


def _judge(order: Order, read: Read) -> None:
    """Raises AssertionError where what was read is not so."""
    included = order.taxes_included
    gross = {
        line.id: 1 + sum((rate for _, rate in line.taxes), Decimal(0)) if included else Decimal(1)
        for line in order.lines
    }
    assert read.total == order.total
    assert read.currency == order.currency
    assert read.test is order.test
    assert sum(line.quantity for line in read.line_items) == sum(line.kept for line in order.lines)
    if not _is_mixed(order):
        subtotal = sum((line.kept * line.price / gross[line.id] for line in order.lines), Decimal(0))
        assert read.subtotal is not None
        assert abs(read.subtotal - subtotal) <= CENT
        sold = {line.sku or _name(line) for line in order.lines if line.kept}
        assert {one.sku for one in read.line_items} == sold
        _judge_discounts(order, read, gross)
        _judge_sum(order, read, subtotal)
    taxes: dict[str, Decimal] = {}
    for (title, _), amount in order.taxes(order.sold(), shipping=True).items():
        taxes[title] = taxes.get(title, Decimal(0)) + amount
    assert {tax.title: tax.amount for tax in read.tax_lines} == pytest.approx(taxes, abs=CENT)
    assert read.financial.value == _financial(order)
    assert read.fulfillment.value == _fulfillment(order)
    customer = order.customer
    assert read.email == (order.email or (customer and customer.email) or "")
    assert read.customer_id == (str(customer.id) if customer else "")
    if customer and customer.email:
        assert read.email_consent is not None
        assert read.email_consent.given is (customer.email_state == "SUBSCRIBED")
    else:
        assert read.email_consent is None
    assert [phone.text for phone in read.phones[:1]] == [order.phone] if order.phone else True


def _judge_discounts(order: Order, read: Read, gross: dict[int, Decimal]) -> None:
    expected: dict[str, Decimal] = {}
    for index, rule in enumerate(order.applications):
        taken = sum(
            (
                line.discounts.get(index, Decimal(0)) * line.kept / line.quantity / gross[line.id]
                for line in order.lines
            ),
            Decimal(0),
        )
        if order.shipping:
            taken += order.shipping.discounts.get(index, Decimal(0))
        if taken:
            expected[rule.words] = taken
    assert {one.code: one.amount for one in read.discounts} == pytest.approx(expected, abs=CENT)


def _judge_sum(order: Order, read: Read, subtotal: Decimal) -> None:
    """All parts together are the total, whether the shop's prices include tax or not."""
    shipping = order.shipping.price if order.shipping else Decimal(0)
    if order.shipping and order.taxes_included:
        shipping /= 1 + sum((rate for _, rate in order.shipping.taxes), Decimal(0))
    off = sum((one.amount for one in read.discounts), Decimal(0))
    taxes = sum((one.amount for one in read.tax_lines), Decimal(0))
    assert read.total is not None
    assert abs(subtotal - off + shipping + taxes - read.total) <= CENT * (1 + len(order.lines))


def _financial(order: Order) -> FinancialStatus:
    """Cancelled and not paid is void; without any transaction money is waited for, or none is needed."""
    shown = order.financial
    if order.cancelled_at and shown in (None, "PENDING", "AUTHORIZED", "EXPIRED"):
        return FinancialStatus.VOIDED
    if shown is None:
        return FinancialStatus.PENDING if order.outstanding else FinancialStatus.PAID
    return FinancialStatus(shown.lower())


def _fulfillment(order: Order) -> FulfillmentStatus | None:
    """Delivered when everything was shipped and every parcel that is under way has arrived."""
    shown = order.fulfillment
    if shown == "FULFILLMENT_NOT_REQUIRED":
        return None
    live = [one for one in order.parcels if one.status != "CANCELLED" and one.display != "CANCELED"]
    if shown == "FULFILLED" and live and all(one.display in ("DELIVERED", "PICKED_UP") for one in live):
        return FulfillmentStatus.DELIVERED
    return FulfillmentStatus(shown.lower())


def _is_mixed(order: Order) -> bool:
    """Units removed by an edit and others returned: the API does not tell line by line which were which."""
    return any(line.removed for line in order.lines) and any(line.refunded for line in order.lines)


def _name(line: Line) -> str:
    return f"{line.title} - {line.variant_title}" if line.variant_title else line.title
