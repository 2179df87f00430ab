"""What becomes of a Medusa order, beside the documents in ``test_expected_payloads``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.medusa import statuses
from adapters.medusa.parse import parse
from connector.model.order import Discount, Document, FinancialStatus, FulfillmentStatus, Order, TaxLine
from connector.runtime import exact_json
from connector.sdk.fields import moment

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "cassettes" / "medusa" / "samples" / "orders"


def document(name: str, **changes: Any) -> dict[str, Any]:
    """A document of a real shop, with other values here and there."""
    body: dict[str, Any] = exact_json.decode((SAMPLES / f"{name}.json").read_bytes())
    return body | changes


def order(body: dict[str, Any]) -> Order:
    """The program's reading of it."""
    return parse(Document(ref=body["id"], changed_at=datetime(2026, 11, 23, tzinfo=UTC), body=body))


def medusas_total(body: dict[str, Any]) -> Decimal:
    """What was sold, by Medusa's own sums: what is left of it and what came back, without the way back."""
    parts = ("total", "return_received_total", "return_dismissed_total")
    goods = sum((Decimal(line[part]) for line in body["items"] for part in parts), Decimal(0))
    ways = [way for way in body.get("shipping_methods", []) if not way["detail"]["return_id"]]
    return goods + sum((Decimal(way["total"]) for way in ways), Decimal(0))


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_the_total_is_that_of_medusas_own_sums(name: str) -> None:
    body = document(name)
    total = order(body).total
    assert total is not None
    assert abs(total - medusas_total(body)) <= (Decimal("0.5") if "jpy" in name else Decimal("0.005"))


@pytest.mark.parametrize(
    ("unit", "currency", "total"),
    [
        ("20.705", "eur", "20.71"),
        ("20.704999999999998", "eur", "20.71"),  # the same, as a binary fraction is printed
        ("20.7049", "eur", "20.70"),
        ("100.5", "jpy", "101"),
        ("8.5975", "kwd", "8.598"),
        ("8.5974", "kwd", "8.597"),
    ],
)
def test_amounts_are_rounded_half_up_to_the_currency(unit: str, currency: str, total: str) -> None:
    line = {"id": "1", "title": "Mug", "quantity": 1, "unit_price": Decimal(unit), "is_tax_inclusive": False}
    read = order(document("placed_only", items=[line], shipping_methods=[], currency_code=currency))
    assert read.total == Decimal(total)
    assert read.line_items[0].price == Decimal(unit).quantize(Decimal("0.000001"))


def test_prices_with_tax_become_prices_without() -> None:
    read = order(document("tax_inclusive_percent"))
    assert read.total == Decimal("56.64")
    assert [line.price for line in read.line_items] == [Decimal("10.504202"), Decimal("16.798319")]
    assert read.discounts == (Discount("TENOFF", Decimal("4.83")),)
    assert read.tax_lines == (TaxLine("DE tax", Decimal("9.04")),)


def test_a_discount_that_says_it_includes_tax_is_taken_without() -> None:
    body = document("discount_fixed_order")
    body["items"][0]["adjustments"][0] |= {"amount": Decimal("5.95"), "is_tax_inclusive": True}
    assert order(body).discounts == (Discount("FIVEEUR", Decimal("5.00")),)
    assert order(body).total == order(document("discount_fixed_order")).total


def test_the_way_back_of_a_return_is_no_sale() -> None:
    body = document("return_with_a_fee")
    assert [way["name"] for way in body["shipping_methods"]] == ["Return parcel", "Standard"]
    assert body["total"] == Decimal("39.151")
    assert order(body).total == Decimal("35.58")


def test_a_line_that_an_edit_emptied_is_none() -> None:
    body = document("captured")
    body["items"][0]["quantity"] = 0
    assert len(order(body).line_items) == len(body["items"]) - 1


def test_goods_by_weight_are_one_piece_at_the_lines_price() -> None:
    body = document("placed_only")
    body["items"][0]["quantity"] = Decimal("0.75")
    read = order(body)
    assert [(line.quantity, line.price) for line in read.line_items] == [(1, Decimal("9.375"))]


def test_every_word_of_medusa_is_in_the_tables() -> None:
    """packages/core/core-flows/src/order/utils/aggregate-status.ts of 2.21.2."""
    payment = (
        "not_paid awaiting captured partially_captured partially_refunded refunded canceled requires_action "
        "authorized partially_authorized"
    )
    fulfillment = (
        "not_fulfilled partially_fulfilled fulfilled partially_shipped shipped delivered partially_delivered "
        "canceled"
    )
    assert set(statuses.FINANCIAL) == set(payment.split())
    assert set(statuses.FULFILLMENT) == set(fulfillment.split())


def test_an_unknown_word_has_no_value() -> None:
    read = order(document("placed_only", payment_status="bartered", fulfillment_status="teleported"))
    assert (read.financial.value, read.financial.words) == (None, ("bartered",))
    assert (read.fulfillment.value, read.fulfillment.words) == (None, ("teleported",))


@pytest.mark.parametrize(
    ("status", "payment", "placed"),
    [
        ("pending", "not_paid", True),
        ("pending", "requires_action", False),
        ("requires_action", "authorized", False),
        ("draft", "not_paid", False),
        ("archived", "captured", True),
    ],
)
def test_what_counts_as_placed(status: str, payment: str, placed: bool) -> None:
    assert order(document("placed_only", status=status, payment_status=payment)).placed is placed


@pytest.mark.parametrize(
    ("status", "payment", "fulfillment", "settled"),
    [
        ("pending", "captured", "delivered", True),
        ("pending", "authorized", "delivered", False),
        ("completed", "captured", "shipped", True),
        ("completed", "authorized", "not_fulfilled", False),
        ("pending", "partially_refunded", "delivered", False),
        ("canceled", "refunded", "not_fulfilled", True),
        ("archived", "captured", "not_fulfilled", True),
    ],
)
def test_what_counts_as_settled(status: str, payment: str, fulfillment: str, settled: bool) -> None:
    body = document("placed_only", status=status, payment_status=payment, fulfillment_status=fulfillment)
    assert order(body).settled is settled


def test_money_that_went_back_is_beyond_any_wording() -> None:
    assert order(document("refunded_part")).financial.firm
    assert order(document("canceled_after_capture")).financial.value is FinancialStatus.REFUNDED
    assert order(document("canceled_after_capture")).fulfillment.value is FulfillmentStatus.RESTOCKED


def test_a_guest_without_an_address_is_an_order_with_the_customers_phone() -> None:
    body = document("placed_only")
    for name in ("billing_address", "shipping_address", "email"):
        body.pop(name)
    read = order(body)
    assert read.email == body["customer"]["email"]
    assert [phone.origin for phone in read.phones] == ["customer.phone"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "yesterday"),
        ("items", {}),
        ("items", [{"quantity": -1}]),
        ("items", [{"quantity": 1, "unit_price": "NaN"}]),
        ("shipping_methods", [{"amount": 1, "tax_lines": [{"rate": -100}]}]),
    ],
)
def test_what_cannot_be_is_lacking_with_the_name_of_the_field(field: str, value: Any) -> None:
    read = order(document("placed_only", **{field: value}))
    lacking = "order_date" if field == "created_at" else "total"
    assert read.lacks[lacking].startswith(field)
    assert (read.placed_at if field == "created_at" else read.total) is None
    if lacking == "total":  # all that is worked out of the same lines is left out with it
        assert (read.subtotal, read.line_items, read.discounts, read.tax_lines) == (None, (), (), ())
        assert [place.startswith(field) for place in read.left_out] == [True]


@pytest.mark.parametrize("captured", ["2019-03-01T10:00:00Z", None])
def test_a_payment_proves_that_an_order_without_its_day_is_not_younger(captured: str | None) -> None:
    body = document("placed_only", created_at=None)
    body["payment_collections"] = [{"payments": [{"captured_at": captured}]}]
    read = order(body)
    assert (read.placed_at, read.placed_by) == (None, moment(captured))


def test_a_product_beyond_any_amount_is_read_for_the_mapping_to_refuse() -> None:
    line = {**document("placed_only")["items"][0], "unit_price": 10**14, "quantity": 10**14}
    assert order(document("placed_only", items=[line], shipping_methods=[])).subtotal == Decimal(10**28)
