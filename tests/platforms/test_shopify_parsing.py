"""Shopify: what becomes of amounts, quantities, statuses, contacts and consents; webhooks that it signs."""

from __future__ import annotations

import json
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLEnumType

from adapters.shopify import Shopify, statuses
from adapters.shopify.parse import parse
from connector.model.errors import BadOrder, Forged
from connector.model.order import Document, FinancialStatus, FulfillmentStatus, LineItem, Order
from connector.runtime.http import Http
from connector.sdk.contract import Notice, WebhookRequest
from connector.sdk.fields import moment
from tests.shops.shopify.execution import schema

SAMPLE = Path(__file__).parents[2] / "cassettes/shopify/samples/orders/paid-tax-shipping.json"


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount}}


def tax(amount: str, rate: str, title: str = "VAT") -> dict[str, Any]:
    return {"title": title, "rate": Decimal(rate), "priceSet": money(amount)}


def allocation(amount: str, index: int = 0, **named: str) -> dict[str, Any]:
    return {
        "allocatedAmountSet": money(amount),
        "discountApplication": {"__typename": "DiscountCodeApplication", "index": index, **named},
    }


def line(price: str, quantity: int, current: int | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "gid://shopify/LineItem/1",
        "sku": "SKU",
        "name": "Thing",
        "quantity": quantity,
        "currentQuantity": quantity if current is None else current,
        "originalUnitPriceSet": money(price),
        "taxLines": [],
        "discountAllocations": [],
        **fields,
    }


def order(**fields: Any) -> Order:
    """A plain order with these fields changed."""
    body = deepcopy(json.loads(SAMPLE.read_text(), parse_float=Decimal)) | fields
    changed_at = datetime(2026, 11, 20, tzinfo=UTC)
    return parse(Document(ref=body["legacyResourceId"], changed_at=changed_at, body=body), "shop")


def customer(**fields: Any) -> dict[str, Any]:
    return {"legacyResourceId": "7", "defaultEmailAddress": None, "defaultPhoneNumber": None, **fields}


def values(name: str) -> set[str]:
    """The values of an enumeration of Shopify's schema."""
    found = schema().type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return set(found.values)


# Amounts and quantities


def test_prices_that_include_tax_are_brought_to_net_with_their_discounts() -> None:
    made = order(
        taxesIncluded=True,
        lineItems=[
            line(
                "119.0",
                2,
                taxLines=[tax("34.2", "0.19")],
                discountAllocations=[allocation("23.8", code="TEN")],
            ),
            line("10.7", 1, taxLines=[tax("0.7", "0.07", "Reduced")]),
            line("5.0", 1, taxLines=[tax("0.0", "0.19")]),
        ],
        shippingLine={
            "taxLines": [tax("0.0", "0.19")],
            "discountAllocations": [allocation("5.95", 1, code="SHIP")],
        },
    )
    assert [item.price for item in made.line_items] == [
        Decimal("100.000000"),
        Decimal("10.000000"),
        Decimal("5.0"),
    ]
    assert made.subtotal == 215
    assert [(each.code, each.amount) for each in made.discounts] == [("TEN", 20), ("SHIP", Decimal("5.95"))]


def test_discounts_are_summed_by_what_gave_them_over_lines_and_shipping() -> None:
    made = order(
        lineItems=[
            line(
                "20.0",
                1,
                discountAllocations=[allocation("2.0", 1, code="A"), allocation("1.0", 0, title="B")],
            ),
            line(
                "20.0",
                1,
                discountAllocations=[allocation("3.0", 1, code="A"), allocation("0.0", 2, title="C")],
            ),
        ],
        shippingLine={"taxLines": [], "discountAllocations": [allocation("4.5", 1, code="A")]},
    )
    assert [(each.code, each.amount) for each in made.discounts] == [("B", 1), ("A", Decimal("9.5"))]


def test_the_tax_on_shipping_is_counted_once() -> None:
    of_shipping = {"taxLines": [tax("1.0", "0.2")], "discountAllocations": []}
    apart = order(taxLines=[tax("4.0", "0.2")], shippingLine=of_shipping, totalTaxSet=money("5.0"))
    assert [each.amount for each in apart.tax_lines] == [5]
    in_it = order(taxLines=[tax("5.0", "0.2")], shippingLine=of_shipping, totalTaxSet=money("5.0"))
    assert [each.amount for each in in_it.tax_lines] == [5]
    other = {"taxLines": [tax("1.0", "0.05", "City")], "discountAllocations": []}
    two = order(taxLines=[tax("4.0", "0.2")], shippingLine=other, totalTaxSet=money("5.0"))
    assert [(each.title, int(each.amount)) for each in two.tax_lines] == [("VAT", 4), ("City", 1)]


def sold(before: int, after: int, *lines: dict[str, Any]) -> list[int]:
    made = order(
        lineItems=list(lines), subtotalLineItemsQuantity=before, currentSubtotalLineItemsQuantity=after
    )
    return [item.quantity for item in made.line_items]


def test_what_came_back_was_sold_and_what_an_edit_removed_was_not() -> None:
    assert sold(5, 3, line("1.0", 3, 1), line("1.0", 2)) == [3, 2]
    assert sold(3, 3, line("1.0", 3, 1), line("1.0", 2)) == [1, 2]
    assert sold(2, 2, line("1.0", 3, 0), line("1.0", 2)) == [2]
    assert sold(4, 3, line("1.0", 3, 1), line("1.0", 2)) == [2, 2]
    assert sold(5, 0, line("1.0", 3, 0), line("1.0", 2, 0)) == [3, 2]


def test_the_discount_on_units_that_an_edit_removed_is_none() -> None:
    made = order(
        lineItems=[line("10.0", 4, 1, discountAllocations=[allocation("8.0", code="X")])],
        subtotalLineItemsQuantity=1,
        currentSubtotalLineItemsQuantity=1,
    )
    assert made.subtotal == 10
    assert [each.amount for each in made.discounts] == [2]


def test_a_refund_does_not_lower_what_was_sold() -> None:
    made = order(
        displayFinancialStatus="PARTIALLY_REFUNDED",
        totalPriceSet=money("31.9"),
        currentTotalPriceSet=money("0.0"),
    )
    assert made.total == Decimal("31.9")
    assert made.financial.firm


def test_dinars_have_three_decimals() -> None:
    of_three = [line("1.0", 3, taxLines=[tax("0.1", "0.14")])]
    assert order(currencyCode="KWD", taxesIncluded=True, lineItems=of_three).subtotal == Decimal("2.632")
    assert order(currencyCode="USD", taxesIncluded=True, lineItems=of_three).subtotal == Decimal("2.63")


def test_ids_are_exact_to_the_last_digit() -> None:
    assert order(legacyResourceId="9223372036854775807").ref == "9223372036854775807"


def test_a_line_without_sku_is_known_by_its_name() -> None:
    (item,) = order(lineItems=[line("1.0", 1, sku="")]).line_items
    assert item == LineItem(sku="Thing", quantity=1, price=Decimal("1.0"), name="Thing")


# Statuses


def test_the_tables_hold_every_status_of_the_schema() -> None:
    assert set(statuses.FINANCIAL) == values("OrderDisplayFinancialStatus")
    assert set(statuses.FULFILLMENT) == values("OrderDisplayFulfillmentStatus")


def test_a_word_that_shopify_adds_keeps_its_word_and_has_no_value() -> None:
    made = order(displayFinancialStatus="TO_BE_SEEN", displayFulfillmentStatus="READY_FOR_PICKUP")
    assert (made.financial.value, made.fulfillment.value) == (None, None)
    assert made.financial.words == ("TO_BE_SEEN", "to_be_seen")
    assert made.fulfillment.words[0] == "READY_FOR_PICKUP"


@pytest.mark.parametrize(
    ("outstanding", "expected"), [("20.0", FinancialStatus.PENDING), ("0.0", FinancialStatus.PAID)]
)
def test_no_payment_at_all_is_paid_only_if_nothing_is_owed(
    outstanding: str, expected: FinancialStatus
) -> None:
    made = order(displayFinancialStatus=None, totalOutstandingSet=money(outstanding))
    assert made.financial.value is expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (None, FinancialStatus.VOIDED),
        ("PENDING", FinancialStatus.VOIDED),
        ("AUTHORIZED", FinancialStatus.VOIDED),
        ("EXPIRED", FinancialStatus.VOIDED),
        ("VOIDED", FinancialStatus.VOIDED),
        ("PAID", FinancialStatus.PAID),
        ("REFUNDED", FinancialStatus.REFUNDED),
        ("PARTIALLY_PAID", FinancialStatus.PARTIALLY_PAID),
    ],
)
def test_a_cancelled_order_is_void_unless_money_was_taken(
    word: str | None, expected: FinancialStatus
) -> None:
    made = order(displayFinancialStatus=word, cancelledAt="2026-11-20T00:00:00Z")
    assert made.financial.value is expected
    assert made.placed


def parcel(shown: str | None, status: str = "SUCCESS") -> dict[str, Any]:
    return {"status": status, "displayStatus": shown}


@pytest.mark.parametrize(
    ("word", "parcels", "expected"),
    [
        ("FULFILLED", [parcel("DELIVERED")], FulfillmentStatus.DELIVERED),
        ("FULFILLED", [parcel("DELIVERED"), parcel("PICKED_UP")], FulfillmentStatus.DELIVERED),
        ("FULFILLED", [parcel("DELIVERED"), parcel("CANCELED", "CANCELLED")], FulfillmentStatus.DELIVERED),
        ("FULFILLED", [parcel("DELIVERED"), parcel("LABEL_VOIDED")], FulfillmentStatus.DELIVERED),
        ("FULFILLED", [parcel("DELIVERED"), parcel("IN_TRANSIT")], FulfillmentStatus.FULFILLED),
        ("FULFILLED", [parcel("DELIVERED"), parcel("NOT_DELIVERED")], FulfillmentStatus.FULFILLED),
        ("FULFILLED", [parcel("DELIVERED"), parcel(None)], FulfillmentStatus.FULFILLED),
        ("FULFILLED", [parcel("DELIVERED", "CANCELLED")], FulfillmentStatus.FULFILLED),
        ("FULFILLED", [], FulfillmentStatus.FULFILLED),
        ("PARTIALLY_FULFILLED", [parcel("DELIVERED")], FulfillmentStatus.PARTIALLY_FULFILLED),
        ("FULFILLMENT_NOT_REQUIRED", [], None),
    ],
)
def test_delivered_is_what_arrived_in_every_live_parcel(
    word: str, parcels: list[dict[str, Any]], expected: FulfillmentStatus | None
) -> None:
    assert order(displayFulfillmentStatus=word, fulfillments=parcels).fulfillment.value is expected


def test_every_word_for_a_parcel_is_known_to_be_one_of_three_things() -> None:
    known = values("FulfillmentDisplayStatus")
    assert known >= statuses._ARRIVED | statuses._DEAD_DISPLAY
    assert values("FulfillmentStatus") >= statuses._DEAD


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({"displayFulfillmentStatus": "FULFILLED", "fulfillments": [parcel("DELIVERED")]}, True),
        ({"displayFulfillmentStatus": "FULFILLED", "fulfillments": [parcel("IN_TRANSIT")]}, False),
        ({"displayFulfillmentStatus": "FULFILLED", "requiresShipping": False}, True),
        ({"displayFulfillmentStatus": "UNFULFILLED"}, False),
        ({"displayFinancialStatus": "REFUNDED"}, True),
        ({"cancelledAt": "2026-11-20T00:00:00Z"}, True),
        ({"displayFinancialStatus": "PENDING", "displayFulfillmentStatus": "FULFILLED"}, False),
    ],
)
def test_an_order_is_looked_after_until_nothing_more_is_expected(
    fields: dict[str, Any], settled: bool
) -> None:
    assert order(**{"displayFinancialStatus": "PAID"} | fields).settled is settled


# Contacts and consents


@pytest.mark.parametrize(
    ("own", "known", "state", "sent", "consent"),
    [
        ("ann@shop.example", "Ann@shop.example", "SUBSCRIBED", "ann@shop.example", True),
        ("ann@shop.example", "bob@shop.example", "SUBSCRIBED", "ann@shop.example", None),
        (None, "bob@shop.example", "SUBSCRIBED", "bob@shop.example", True),
        ("", "bob@shop.example", "UNSUBSCRIBED", "bob@shop.example", False),
        ("bob@shop.example", "bob@shop.example", "PENDING", "bob@shop.example", False),
        ("bob@shop.example", "bob@shop.example", "INVALID", "bob@shop.example", None),
        ("bob@shop.example", None, None, "bob@shop.example", None),
        (None, None, None, "", None),
    ],
)
def test_consent_to_mail_is_that_of_the_address_which_is_sent(
    own: str | None, known: str | None, state: str | None, sent: str, consent: bool | None
) -> None:
    address = None if known is None else {"emailAddress": known, "marketingState": state}
    made = order(email=own, customer=customer(defaultEmailAddress=address))
    assert made.email == sent
    assert (made.email_consent.given if made.email_consent else None) is consent


@pytest.mark.parametrize(
    ("phone", "state", "first", "consent"),
    [
        ("+1 212 555 0142", "SUBSCRIBED", "+12125550199", True),
        ("(212) 555-0199", "UNSUBSCRIBED", "(212) 555-0199", False),
        ("+1 212 555 0142", "UNSUBSCRIBED", "+1 212 555 0142", None),
        (None, "NEVER_SUBSCRIBED", "+12125550199", False),
        (None, "REDACTED", "+12125550199", None),
    ],
)
def test_consent_to_texts_is_that_of_the_number_which_goes_first(
    phone: str | None, state: str, first: str, consent: bool | None
) -> None:
    number = {"phoneNumber": "+12125550199", "smsMarketingConsent": {"state": state}}
    made = order(
        phone=phone, billingAddress=None, shippingAddress=None, customer=customer(defaultPhoneNumber=number)
    )
    assert made.phones[0].text == first
    assert (made.sms_consent.given if made.sms_consent else None) is consent


@pytest.mark.parametrize(
    ("phone", "state", "consent"),
    [
        (None, "UNSUBSCRIBED", False),
        (None, "SUBSCRIBED", None),
        ("+1 212 555 0142", "UNSUBSCRIBED", None),
    ],
)
def test_a_withdrawal_goes_out_though_shopify_keeps_the_number_back(
    phone: str | None, state: str, consent: bool | None
) -> None:
    known = {"defaultPhoneNumber": {"phoneNumber": None, "smsMarketingConsent": {"state": state}}}
    made = order(phone=phone, billingAddress=None, shippingAddress=None, customer=known)
    assert (made.sms_consent.given if made.sms_consent else None) is consent


def test_a_guest_says_nothing_of_consent() -> None:
    made = order(customer=None, customerAcceptsMarketing=True)
    assert made.email_consent is made.sms_consent is None
    assert made.customer_id == ""


# Nonsense


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"lineItems": [{"quantity": "2"}]}, "lineItems[].quantity"),
        (
            {"lineItems": [line("1.0", 1, taxLines=[tax("0.1", "77")])], "taxesIncluded": True},
            "lineItems[].taxLines[].rate",
        ),
    ],
)
def test_a_field_that_cannot_be_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(BadOrder) as caught:
        order(**fields)
    assert caught.value.field == field


@pytest.mark.parametrize("bag", [money("nan"), money("1e30"), {}, None])
def test_a_total_that_cannot_be_is_lacking(bag: Any) -> None:
    made = order(totalPriceSet=bag)
    assert (made.total, list(made.lacks)) == (None, ["total"])
    assert made.lacks["total"].startswith("totalPriceSet: ")


@pytest.mark.parametrize("time", ["yesterday", "2026-11-20T00:00:00", None])
@pytest.mark.parametrize("processed", ["2019-03-01T10:00:00Z", None])
def test_a_day_that_cannot_be_is_lacking_and_no_other_stands_in(
    time: str | None, processed: str | None
) -> None:
    made = order(createdAt=time, processedAt=processed)
    assert (made.placed_at, made.placed_by) == (None, moment(processed))
    assert made.lacks == {"order_date": "createdAt: is missing or not a time"}


# Webhooks


def delivery(topic: str, body: Any, secret: str) -> WebhookRequest:
    text = json.dumps(body).encode()
    signature = b64encode(digest(secret.encode(), text, sha256)).decode()
    return WebhookRequest(headers={"x-shopify-topic": topic, "x-shopify-hmac-sha256": signature}, body=text)


def offline() -> Shopify:
    credentials = Shopify.Credentials.model_validate({"client_id": "id", "client_secret": "the app's"})
    return Shopify(
        url="https://acme.myshopify.com",
        credentials=credentials,
        options=Shopify.Options(),
        http=Http(transport=httpx.MockTransport(lambda request: httpx.Response(500))),
    )


def test_the_apps_secret_signs_and_so_may_an_older_one() -> None:
    ours, body = offline(), {"id": 9223372036854775807}
    assert ours.read_webhook(delivery("orders/create", body, "the app's"), []).refs == (
        "9223372036854775807",
    )
    assert ours.read_webhook(delivery("orders/create", body, "older"), ["older"]).refs
    with pytest.raises(Forged):
        ours.read_webhook(delivery("orders/create", body, "older"), [])


@pytest.mark.parametrize("body", [[], {}, {"id": True}, {"id": -1}, {"id": "1"}, {"order_edit": []}, None])
def test_a_signed_body_without_an_order_says_nothing(body: Any) -> None:
    assert offline().read_webhook(delivery("orders/updated", body, "the app's"), []) == Notice()


def test_data_is_erased_for_this_shop_only() -> None:
    ours = offline()
    body = {"shop_domain": "acme.myshopify.com"}
    assert ours.read_webhook(delivery("shop/redact", body, "the app's"), []).erase is not None
    other = ours.read_webhook(delivery("shop/redact", {"shop_domain": "b.myshopify.com"}, "the app's"), [])
    assert other.erase is None
    assert "b.myshopify.com" in other.note


@pytest.mark.parametrize(
    ("topic", "part"),
    [
        ("shop/redact", {"customer": {"id": 7, "email": "ann@mail.example"}, "orders_to_redact": [1]}),
        ("shop/redact", {"customer": None}),
        ("shop/redact", {"id": 7, "line_items": []}),
        ("shop/redact", {"data_request": {"id": 1}}),
        ("customers/redact", {"id": 7, "customer": {"email": "ann@mail.example"}}),
        ("customers/redact", {"data_request": {"id": 1}, "customer": {"email": "ann@mail.example"}}),
        ("customers/data_request", {"orders_to_redact": [1], "customer": {"id": 7}}),
    ],
)
def test_a_body_of_another_topic_erases_nothing_though_it_is_signed(topic: str, part: dict[str, Any]) -> None:
    body = {"shop_id": 954889, "shop_domain": "acme.myshopify.com", **part}
    with pytest.raises(Forged, match="a body of another topic"):
        offline().read_webhook(delivery(topic, body, "the app's"), [])
