"""What every platform's documents say about when an order was placed, and whether it was one at all.

The earliest time that is stated for the placing counts; an order that was called off before it was ever seen,
and never paid, is none for Privy.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.mapping.mapper import Mapped, Mapper, Skipped
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.order import Document, FinancialStatus
from connector.sdk.contract import PushedAdapter
from tests.platforms.test_expected_payloads import READERS, adapter, by_id, sample

NEW = "2026-11-30T12:00:00Z"
OLD = "2019-03-01T10:00:00Z"
NOON, LONG_AGO = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2019, 3, 1, 10, tzinfo=UTC)


def document(platform: str, name: str, **changed: Any) -> Document:
    """A sample with some of it changed."""
    body = sample(platform, name)
    if platform == "oscar":
        body["order"] |= changed
    else:
        body |= changed
    own = adapter(platform)
    if isinstance(own, PushedAdapter):
        return own.document(body, NOON)
    return READERS.get(platform, by_id)(body)


WOO = {"date_created_gmt": NEW.rstrip("Z"), "date_paid_gmt": None, "date_completed_gmt": None}
SHOPIFY = {"createdAt": NEW, "processedAt": NEW}


def captured(time: str | None) -> dict[str, Any]:
    return {"payment_collections": [{"id": "pc_1", "payments": [{"id": "p_1", "captured_at": time}]}]}


@pytest.mark.parametrize(
    ("platform", "name", "changed", "placed_at"),
    [
        ("shopify", "paid-tax-shipping", SHOPIFY, NOON),
        ("shopify", "paid-tax-shipping", SHOPIFY | {"processedAt": OLD}, LONG_AGO),
        ("shopify", "paid-tax-shipping", SHOPIFY | {"createdAt": OLD}, LONG_AGO),
        ("shopify", "paid-tax-shipping", SHOPIFY | {"processedAt": None}, NOON),
        ("woocommerce", "completed_card", WOO, NOON),
        ("woocommerce", "completed_card", WOO | {"date_paid_gmt": OLD.rstrip("Z")}, LONG_AGO),
        ("woocommerce", "completed_card", WOO | {"date_completed_gmt": OLD.rstrip("Z")}, LONG_AGO),
        ("woocommerce", "completed_card", WOO | {"date_paid_gmt": "2034-03-15T10:00:00"}, NOON),
        ("woocommerce", "completed_card", WOO | {"date_paid_gmt": "0000-00-00T00:00:00"}, NOON),
        ("medusa", "captured", {"created_at": NEW} | captured(None), NOON),
        ("medusa", "captured", {"created_at": NEW} | captured("2026-12-01T00:00:00Z"), NOON),
        ("medusa", "captured", {"created_at": NEW} | captured(OLD), LONG_AGO),
        ("medusa", "captured", {"created_at": NEW, "payment_collections": None}, NOON),
        ("vendure", "settled", {"createdAt": NEW, "orderPlacedAt": OLD}, LONG_AGO),
        ("vendure", "settled", {"createdAt": OLD, "orderPlacedAt": NEW}, NOON),  # a cart of long ago
        ("oscar", "placed", {"date_placed": OLD}, LONG_AGO),
        ("sample", "plain", {"created_at": NEW, "placed_at": OLD}, LONG_AGO),
        ("sample", "plain", {"created_at": OLD, "placed_at": NEW}, NOON),  # a cart of long ago
        ("push", "smallest", {"order_date": OLD}, LONG_AGO),
    ],
)
def test_an_order_was_placed_at_the_earliest_time_that_is_stated_for_it(
    platform: str, name: str, changed: dict[str, Any], placed_at: datetime
) -> None:
    assert adapter(platform).parse(document(platform, name, **changed)).placed_at == placed_at


UNPAID = [
    ("woocommerce", "onhold_bacs", {"status": "cancelled"}),
    ("woocommerce", "cancelled_unpaid_timeout", {}),
    ("shopify", "unpaid-null-financial-status", {"cancelledAt": NEW}),
    ("shopify", "paid-tax-shipping", {"cancelledAt": NEW, "displayFinancialStatus": "VOIDED"}),
    ("shopify", "paid-tax-shipping", {"cancelledAt": NEW, "displayFinancialStatus": "AUTHORIZED"}),
    ("shopify", "paid-tax-shipping", {"cancelledAt": NEW, "displayFinancialStatus": "A_NEW_WORD"}),
    ("medusa", "canceled_unpaid", {}),
    ("medusa", "placed_only", {"status": "canceled", "payment_status": "authorized"}),
    ("medusa", "placed_only", {"status": "canceled", "payment_status": "a_new_word"}),
    ("vendure", "cancelled_payment_given_up", {}),
    ("oscar", "cancelled", {}),
    ("sample", "cancelled", {}),
    ("push", "smallest", {"financial_status": "voided"}),
]
PAID = [
    ("woocommerce", "processing_card_paid", {"status": "cancelled"}),
    ("woocommerce", "partial_refund_amount_only", {"status": "cancelled", "date_paid_gmt": None}),
    ("shopify", "cancelled-refunded", {}),
    ("shopify", "paid-tax-shipping", {"cancelledAt": NEW}),
    ("medusa", "canceled_after_capture", {}),
    ("medusa", "placed_only", {"status": "canceled", "payment_status": "captured"}),
    ("vendure", "cancelled_settled", {}),
    ("sample", "plain", {"delivery": "cancelled", "payment": "paid"}),
    ("push", "smallest", {"financial_status": "refunded"}),
]


def mapped(
    platform: str, name: str, changed: dict[str, Any], *, told: bool = False, **settings: Any
) -> Mapped | Skipped:
    own = Mapper(MappingSettings.model_validate(settings), Numbering(store="acme", strategy=Strategy.HASH))
    found = document(platform, name, **changed)
    return own.map(adapter(platform).parse(found), found.body, told=told)


@pytest.mark.parametrize(("platform", "name", "changed"), UNPAID)
def test_what_was_called_off_unpaid_before_it_was_seen_was_never_placed(
    platform: str, name: str, changed: dict[str, Any]
) -> None:
    skipped = mapped(platform, name, changed)
    assert isinstance(skipped, Skipped)
    assert skipped.rule == "not-placed"
    assert skipped.reason.startswith("called off and never paid: ")
    assert isinstance(mapped(platform, name, changed, told=True), Mapped)  # Privy has it: it is told


@pytest.mark.parametrize(("platform", "name", "changed"), PAID)
def test_what_was_paid_once_is_sent_though_it_was_called_off(
    platform: str, name: str, changed: dict[str, Any]
) -> None:
    assert isinstance(mapped(platform, name, changed), Mapped)


def test_a_store_says_which_of_its_words_mean_called_off_and_which_are_orders_all_the_same() -> None:
    own = {"status": "Storniert"}
    assert isinstance(mapped("oscar", "placed", own, financial_status={"Storniert": "pending"}), Mapped)
    assert isinstance(mapped("oscar", "placed", own, financial_status={"Storniert": "voided"}), Skipped)
    assert isinstance(mapped("oscar", "cancelled", {}, placed={"Cancelled": True}), Mapped)
    paid = mapped("oscar", "cancelled", {}, financial_status={"Cancelled": "refunded"})
    assert isinstance(paid, Mapped)
    assert paid.payload.financial_status is FinancialStatus.REFUNDED
    assert isinstance(mapped("oscar", "cancelled", {}, skip={"not-placed": False}), Mapped)
