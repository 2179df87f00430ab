"""Optional parts in shapes that nobody foresaw: they cost themselves, on every platform."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from connector.model.errors import BadOrder
from connector.sdk.optional import Optional, shaped
from tests.platforms.test_expected_payloads import CASSETTES, adapter, sample
from tests.state import NOW

ODD: list[Any] = ["odd", 7, True, [1], ["x"], {"x": []}, [{"x": {}}], Decimal("1e900000000")]
EMPTY: list[Any] = [None, False, "", [], {}]
PARTS = {
    "woocommerce": [
        "billing",
        "shipping",
        "customer_id",
        "line_items",
        "coupon_lines",
        "fee_lines",
        "meta_data",
    ],
    "medusa": ["customer", "billing_address", "shipping_address", "email"],
    "shopify": ["customer", "billingAddress", "shippingAddress", "shippingLine", "email"],
    "vendure": ["customer", "billingAddress", "shippingAddress", "promotions", "surcharges"],
    "oscar": [
        "billing_address",
        "shipping_address",
        "email",
        "owner",
        "voucher_discounts",
        "offer_discounts",
    ],
}
CASES = [(platform, part) for platform, parts in PARTS.items() for part in parts]


def body_of(platform: str) -> dict[str, Any]:
    name = sorted((CASSETTES / platform / "samples" / "orders").glob("*.json"))[0].stem
    own = adapter(platform)
    return dict(own.document(sample(platform, name), NOW).body)


@pytest.mark.parametrize(("platform", "part"), CASES)
def test_a_part_in_any_shape_costs_itself_and_never_the_order(platform: str, part: str) -> None:
    own, body = adapter(platform), body_of(platform)
    whole = own.parse(own.document(body, NOW))
    for value in (*ODD, *EMPTY):
        order = own.parse(own.document(body | {part: value}, NOW))
        assert order.total == whole.total
        if value in EMPTY and type(value) is not int:
            assert order.left_out == ()
        assert all(place.startswith(part) for place in order.left_out)


class Buyer(msgspec.Struct):
    id: str
    name: str = ""
    phones: list[str] = []


class Body(msgspec.Struct):
    id: int
    buyer: Buyer | None = None


@pytest.mark.parametrize(
    ("buyer", "read", "left_out"),
    [
        ({"id": "1", "name": "Ann"}, Buyer("1", "Ann"), ()),
        ({"id": "1", "name": ["x"]}, Buyer("1"), ("buyer.name",)),
        ({"id": "1", "name": False}, Buyer("1"), ()),
        ({"id": 17, "name": Decimal("1.0")}, Buyer("17", "1"), ()),
        ({"id": "1", "phones": ["1", {}, {"x": 1}, "2"]}, Buyer("1", "", ["1", "2"]), ("buyer.phones[]",)),
        ({"id": ["x"], "name": "Ann"}, None, ("buyer.id", "buyer")),
        ({}, None, ()),
        ("odd", None, ("buyer",)),
        (False, None, ()),
    ],
)
def test_only_what_cannot_be_read_is_left_out(
    buyer: Any, read: Buyer | None, left_out: tuple[str, ...]
) -> None:
    reader = Optional()
    assert shaped({"id": 1, "buyer": buyer}, Body, {"buyer": None}, reader) == Body(1, read)
    assert reader.left_out == left_out


def test_what_must_be_there_is_refused_by_its_name_and_so_is_too_much() -> None:
    with pytest.raises(BadOrder, match=r"^id: Expected `int`, got `str`$"):
        shaped({"id": "hush"}, Body, {"buyer": None}, Optional())
    phones = [["x"]] * 60
    with pytest.raises(BadOrder, match="too many parts"):
        shaped({"id": 1, "buyer": {"id": "1", "phones": phones}}, Body, {"buyer": None}, Optional())
