"""WooCommerce documents as orders: the tricky ones of a real shop, and what those samples do not show."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.woocommerce.configuration import Options
from adapters.woocommerce.orders import document
from adapters.woocommerce.parse import parse
from connector.model.errors import BadOrder, Unavailable
from connector.model.order import Consent, Discount, FinancialStatus, FulfillmentStatus, Order, Phone, TaxLine
from connector.runtime import exact_json

SAMPLES = Path(__file__).parents[2] / "cassettes" / "woocommerce" / "samples"


def body(name: str, **changes: Any) -> dict[str, Any]:
    """A sample document with changes of its top-level fields."""
    return {**exact_json.decode((SAMPLES / "orders" / f"{name}.json").read_bytes()), **changes}


def order(name: str, **changes: Any) -> Order:
    """The order of a sample document with changes."""
    return parse(document(body(name, **changes)), Options())


def with_metas(name: str, **metas: Any) -> Order:
    """The order of a sample document with exactly these meta keys."""
    return order(name, meta_data=[{"id": 1, "key": key, "value": value} for key, value in metas.items()])


# Statuses


@pytest.mark.parametrize(
    ("name", "financial", "fulfillment", "placed"),
    [
        ("pending_bacs_guest", "pending", "pending", False),
        ("onhold_bacs", "pending", "on_hold", True),
        ("processing_card_paid", "paid", "unfulfilled", True),
        ("processing_cod_unpaid", "pending", "unfulfilled", True),
        ("virtual_download_completed_no_shipping", "paid", "fulfilled", True),
        ("cancelled_unpaid_timeout", "voided", "restocked", True),
        ("failed_card", "voided", "unfulfilled", False),
        ("refunded_full_items", "refunded", "fulfilled", True),
        ("completed_card", "refunded", "fulfilled", True),
        ("partial_refund_amount_only", "partially_refunded", "fulfilled", True),
        ("partial_refund_one_item_with_tax", "partially_refunded", "unfulfilled", True),
        ("two_partial_refunds", "partially_refunded", "fulfilled", True),
        ("trashed_order", "voided", "restocked", False),
        ("checkout_draft_store_api", "pending", None, False),
        ("custom_status_awaiting_pickup", "paid", None, True),
        ("unregistered_status_plugin_removed", "paid", None, True),
        ("coupon_100_percent_total_zero", "paid", "unfulfilled", True),
        ("empty_order_total_zero_admin", "pending", "pending", False),
    ],
)
def test_a_sample_has_both_statuses_and_is_placed_or_not(
    name: str, financial: str, fulfillment: str | None, placed: bool
) -> None:
    parsed = order(name)
    assert parsed.financial.value == financial
    assert parsed.fulfillment.value == fulfillment
    assert parsed.placed is placed


@pytest.mark.parametrize(
    ("changes", "value", "origin"),
    [
        ({"status": "processing", "payment_method": "bacs", "date_paid_gmt": None}, "paid", "status"),
        ({"status": "completed", "date_paid_gmt": None}, "paid", "status"),
        ({"status": "shipped", "date_paid_gmt": None}, None, "status"),
        ({"status": "shipped", "date_paid_gmt": None, "total": "0.00"}, "paid", "total"),
        ({"status": "shipped"}, "paid", "date_paid_gmt"),
        ({"status": "on-hold"}, "pending", "status"),
        ({"status": "cancelled"}, "voided", "status"),
        ({"status": "auto-draft", "date_paid_gmt": None}, "pending", "status"),
    ],
)
def test_the_first_rule_that_fits_decides_the_financial_status(
    changes: dict[str, Any], value: str | None, origin: str
) -> None:
    financial = order("processing_card_paid", **changes).financial
    assert (financial.value, financial.origin, financial.firm) == (value, origin, False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("_stripe_charge_captured", "no"),
        ("_intention_status", "requires_capture"),
        ("_ppcp_paypal_captured", "false"),
    ],
)
def test_an_on_hold_order_that_its_gateway_only_authorized_is_authorized(key: str, value: str) -> None:
    financial = with_metas("onhold_bacs", **{key: value}).financial
    assert financial.value == FinancialStatus.AUTHORIZED
    assert financial.origin == f"meta_data[{key}]"
    assert with_metas("onhold_bacs", **{key: "yes"}).financial.value == FinancialStatus.PENDING


def test_money_that_went_back_is_firm_whatever_the_status_is_called() -> None:
    half = [{"id": 1, "reason": "", "total": "-40.00"}]
    whole = [*half, {"id": 2, "reason": "", "total": "-45.71"}]
    for status in ("processing", "cancelled", "trash", "shipped"):
        partial = order("processing_card_paid", status=status, refunds=half).financial
        assert (partial.value, partial.firm) == (FinancialStatus.PARTIALLY_REFUNDED, True)
        full = order("processing_card_paid", status=status, refunds=whole).financial
        assert (full.value, full.firm) == (FinancialStatus.REFUNDED, True)
    assert order("processing_card_paid", status="refunded").financial.firm


def test_a_refund_does_not_lower_the_total() -> None:
    assert order("two_partial_refunds").total == Decimal("86.45")


def test_a_refunded_order_that_was_never_completed_is_restocked() -> None:
    parsed = order("refunded_full_items", date_completed_gmt=None)
    assert parsed.fulfillment.value == FulfillmentStatus.RESTOCKED


def test_a_store_can_name_a_status_with_or_without_its_prefix() -> None:
    parsed = order("custom_status_awaiting_pickup")
    assert parsed.fulfillment.words == ("awaiting-pickup", "wc-awaiting-pickup")
    assert order("onhold_bacs", status="wc-on-hold").fulfillment.value == FulfillmentStatus.ON_HOLD


def test_a_cancelled_order_says_so_and_whether_it_was_paid() -> None:
    paid, unpaid = (order(name, status="cancelled") for name in ("processing_card_paid", "onhold_bacs"))
    assert (paid.cancelled, paid.paid_once) == (True, True)
    assert (unpaid.cancelled, unpaid.paid_once) == (True, False)
    assert not order("processing_card_paid").cancelled


def test_a_status_of_a_plugin_is_unknown_and_a_draft_is_not() -> None:
    for status, known in (("awaiting-pickup", False), ("checkout-draft", True), ("auto-draft", True)):
        assert order("processing_cod_unpaid", status=status).fulfillment.known is known


def test_an_order_in_an_unmapped_status_is_placed_only_if_it_was_paid() -> None:
    assert order("processing_card_paid", status="shipped").placed
    assert not order("processing_cod_unpaid", status="shipped").placed


def test_the_trash_is_known_by_the_status_not_by_meta_keys_it_left_behind() -> None:
    metas = {meta["key"] for meta in body("failed_card")["meta_data"]}
    assert "_wp_trash_meta_status" in metas
    assert order("failed_card").fulfillment.value == FulfillmentStatus.UNFULFILLED


def test_end_states_are_settled() -> None:
    for status in ("completed", "cancelled", "refunded", "failed", "trash"):
        assert order("processing_card_paid", status=status).settled
    for status in ("pending", "on-hold", "processing", "shipped"):
        assert not order("processing_card_paid", status=status).settled


# Money


def test_lines_are_priced_before_discounts_and_without_tax() -> None:
    parsed = order("coupon_percent")
    assert [(line.quantity, line.price) for line in parsed.line_items] == [
        (2, Decimal("19.99")),
        (1, Decimal("12.50")),
    ]
    assert parsed.subtotal == Decimal("52.48")
    assert order("prices_include_tax_de").subtotal == Decimal("76.20")


def test_coupons_and_negative_fees_are_discounts_and_surcharges_are_not() -> None:
    assert order("two_coupons").discounts == (
        Discount("welcome10", Decimal("5.75")),
        Discount("five-off", Decimal("5")),
    )
    assert order("coupon_code_unicode_spaces").discounts == (Discount("sommer ärger 15%", Decimal("7.49")),)
    assert order("fee_negative_discount").discounts == (Discount("Loyalty discount", Decimal("8.00")),)
    assert order("fee_surcharge").discounts == ()


def test_tax_lines_include_the_tax_on_shipping() -> None:
    assert order("tax_quebec_gst_qst").tax_lines == (
        TaxLine("GST", Decimal("5.50")),
        TaxLine("QST", Decimal("10.97")),
    )
    parsed = order("jpy_zero_decimal")
    assert parsed.tax_lines == (TaxLine("消費税", Decimal("440.00")),)
    assert (parsed.currency, parsed.total) == ("JPY", Decimal("4840.00"))


def test_a_price_that_does_not_come_out_even_is_kept_to_six_decimals() -> None:
    line = {"quantity": 3, "subtotal": "10.00", "name": "Tea", "product_id": 5, "variation_id": 0, "sku": ""}
    assert order("onhold_bacs", line_items=[line]).line_items[0].price == Decimal("3.333333")


def test_a_line_without_quantity_and_one_sold_by_weight_keep_their_money() -> None:
    free = {"quantity": 0, "subtotal": "5.00", "name": "Deposit", "product_id": 0, "sku": None}
    cheese = {"quantity": Decimal("0.25"), "subtotal": "5.00", "name": "Cheese", "product_id": 7, "sku": "CH"}
    lines = order("onhold_bacs", line_items=[free, cheese]).line_items
    assert [(line.sku, line.quantity, line.price) for line in lines] == [
        ("Deposit", 0, Decimal("5.00")),
        ("CH", 1, Decimal("5.00")),
    ]


@pytest.mark.parametrize(
    ("name", "sku"),
    [
        ("line_item_no_sku", "200"),  # "" in the document: the product's id
        ("variation_items", "TEE-S-RED"),
        ("html_and_unicode_item_names", "TEE/ä ö#1"),
    ],
)
def test_a_line_has_its_sku_or_the_next_best_name(name: str, sku: str) -> None:
    assert order(name).line_items[0].sku == sku


def test_a_line_that_never_had_a_product_is_known_by_its_name() -> None:
    line = order("custom_line_item_without_product").line_items[1]
    assert (line.sku, line.product_id, line.variant_id) == ("Hand-made alteration", "", "")


def test_sixty_lines_and_large_quantities_add_up() -> None:
    assert len(order("sixty_line_items").line_items) == 60
    assert order("quantity_999").line_items[0].quantity == 999
    assert order("quantity_999").subtotal == Decimal("6443.55")


# People


def test_guests_have_no_customer_id() -> None:
    assert order("pending_bacs_guest").customer_id == ""
    assert order("processing_card_paid").customer_id == "75"


def test_contacts_are_kept_as_typed() -> None:
    assert order("email_uppercase_plus_tag").email == "Ava.Example+Shop@Example.COM"
    assert order("guest_missing_email").email == ""
    assert order("shipping_differs_with_shipping_phone").phones == (
        Phone("0033199001236", "FR", "billing.phone"),
        Phone("06 39 98 00 01", "FR", "shipping.phone"),
    )


def test_a_phone_takes_the_other_address_s_country_when_its_own_has_none() -> None:
    parsed = order("onhold_bacs", billing={"phone": "030 1"}, shipping={"country": "DE", "phone": ""})
    assert parsed.phones == (Phone("030 1", "DE", "billing.phone"),)


def test_addresses_are_taken_over_and_php_s_empty_object_is_none() -> None:
    parsed = order("onhold_bacs", shipping=[])
    assert parsed.billing.first_name == "Jürgen"
    assert (parsed.billing.state_code, parsed.billing.country_code) == ("DE-BE", "DE")
    assert parsed.shipping == type(parsed.shipping)()


@pytest.mark.parametrize(
    ("name", "consent"),
    [
        ("optin_mailchimp_yes", True),
        ("optin_mailchimp_no_classic", False),
        ("optin_mailchimp_gdpr_object", True),
        ("optin_activecampaign_1", True),
        ("optin_absent_attribution_meta", None),
        ("optin_klaviyo_custom_meta", None),
        ("optin_core_checkout_field", None),
    ],
)
def test_consent_is_what_a_known_key_states_and_else_unknown(name: str, consent: bool | None) -> None:
    found = order(name).email_consent
    assert (found.given if found else None) is consent


@pytest.mark.parametrize(
    ("value", "given"), [("1", True), (True, True), ("0", False), ("", False), (False, False), (1, True)]
)
def test_consent_is_read_as_wordpress_stores_booleans(value: Any, given: bool) -> None:
    assert with_metas("onhold_bacs", _woo_ml_subscribe=value).email_consent == Consent(
        given=given, origin="meta_data[_woo_ml_subscribe]"
    )


@pytest.mark.parametrize("value", [None, {"a": True}, ["1"], "maybe"])
def test_a_consent_that_cannot_be_read_is_unknown(value: Any) -> None:
    assert with_metas("onhold_bacs", _woo_ml_subscribe=value).email_consent is None


def test_a_store_can_name_its_own_consent_keys() -> None:
    options = Options(email_consent=("_wc_other/example-shop/marketing-opt-in",))
    parsed = parse(document(body("optin_core_checkout_field")), options)
    assert parsed.email_consent is not None
    assert parsed.email_consent.given


def test_consent_to_texts_goes_with_the_number_it_was_given_for() -> None:
    parsed = order("optin_mailchimp_yes")
    assert parsed.sms_consent == Consent(given=True, origin="meta_data[mailchimp_woocommerce_sms_subscribed]")
    assert parsed.phones[0].text == "+12125550142"
    withheld = with_metas(
        "onhold_bacs", mailchimp_woocommerce_sms_subscribed="", mailchimp_woocommerce_sms_phone="+1212"
    )
    assert withheld.phones[0].origin == "billing.phone"


def test_mailchimp_s_newer_keys_of_consent_to_texts_are_known_too() -> None:
    given = with_metas(
        "onhold_bacs",
        mailchimp_woocommerce_sms_consent_subscribed="1",
        mailchimp_woocommerce_sms_consent_phone="+12125550143",
    )
    origin = "meta_data[mailchimp_woocommerce_sms_consent_subscribed]"
    assert given.sms_consent == Consent(given=True, origin=origin)
    assert given.phones[0].text == "+12125550143"
    withdrawn = with_metas("onhold_bacs", mailchimp_woocommerce_sms_consent_subscribed="")
    assert withdrawn.sms_consent == Consent(given=False, origin=origin)


def test_payments_in_a_gateway_s_test_mode_make_a_test_order() -> None:
    assert with_metas("onhold_bacs", _wcpay_mode="test").test
    assert with_metas("onhold_bacs", _ppcp_paypal_payment_mode="sandbox").test
    assert not with_metas("onhold_bacs", _wcpay_mode="prod").test
    assert not order("onhold_bacs").test


# Times


def test_times_are_utc_in_the_hour_that_the_shop_s_clock_repeats() -> None:
    parsed = order("dst_ambiguous_first_0130_edt")
    assert body("dst_ambiguous_first_0130_edt")["date_created"] == "2026-11-01T01:30:00"
    assert parsed.placed_at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert order("dst_spring_after_gap").placed_at == datetime(2026, 3, 8, 7, tzinfo=UTC)


def test_a_payment_that_comes_later_does_not_move_the_day_an_order_was_placed() -> None:
    parsed = order("onhold_bacs", date_paid_gmt="2027-01-05T10:00:00", created_via="store-api")
    assert parsed.placed_at == datetime(2026, 11, 23, 7, 54, 37, tzinfo=UTC)


def test_a_row_whose_change_time_cannot_be_read_is_kept() -> None:
    created = document(body("onhold_bacs", date_modified_gmt=None))
    assert created.changed_at == datetime(2026, 11, 23, 7, 54, 37, tzinfo=UTC)
    neither = document(body("onhold_bacs", date_modified_gmt="0000-00-00T00:00:00", date_created_gmt=5))
    assert neither.changed_at == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "row", [None, 7, "order", [], {}, {"id": None}, {"id": True}, {"id": 0}, {"id": "5"}]
)
def test_a_row_that_is_no_order_is_nonsense(row: Any) -> None:
    with pytest.raises(Unavailable, match="nonsense"):
        document(row)


# What cannot be


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("date_created_gmt", None),
        ("date_created_gmt", "2026-02-30T10:00:00"),
        ("date_created_gmt", "-0001-11-30T00:00:00"),
        ("total", ""),
        ("total", "12,50"),
        ("total", "NaN"),
        ("total", "Infinity"),
        ("total", "1e30"),
        ("total", True),
    ],
)
def test_what_cannot_be_is_lacking(field: str, value: Any) -> None:
    made = order("onhold_bacs", **{field: value})
    assert list(made.lacks) == ["total" if field == "total" else "order_date"]
    assert (made.total if field == "total" else made.placed_at) is None


def test_without_its_day_an_order_is_as_old_as_its_payment_and_has_no_day() -> None:
    """A payment can be booked years after the order, so it is no time of placing."""
    made = order("processing_card_paid", date_created_gmt=None, date_paid_gmt="2019-03-01T10:00:00")
    assert (made.placed_at, made.placed_by) == (None, datetime(2019, 3, 1, 10, tzinfo=UTC))


def test_whether_all_went_back_is_not_beyond_wording_without_a_total() -> None:
    refunds = [{"id": 1, "total": "-5.00"}]
    known, unknown = (order("processing_card_paid", refunds=refunds, **more) for more in ({}, {"total": "x"}))
    assert known.financial.value == unknown.financial.value == FinancialStatus.PARTIALLY_REFUNDED
    assert (known.financial.firm, unknown.financial.firm) == (True, False)


def test_refunds_that_are_no_list_are_a_bad_order() -> None:
    with pytest.raises(BadOrder, match=r"^refunds: "):
        order("onhold_bacs", refunds="none")


def test_a_refund_that_cannot_be_read_is_a_bad_order() -> None:
    """Whether money went back decides what the order is."""
    with pytest.raises(BadOrder, match=r"refunds\[\]\.total"):
        order("onhold_bacs", refunds=[{"id": 1, "total": None}])


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"billing": "none"}, "billing"),
        ({"shipping": {"city": ["x"]}}, "shipping.city"),
        ({"customer_id": "guest"}, "customer_id"),
        ({"line_items": "none"}, "line_items"),
        ({"line_items": [{"quantity": 1, "subtotal": "x", "product_id": 1}]}, "line_items[].subtotal"),
        ({"line_items": [{"quantity": "?", "subtotal": "1", "product_id": 1}]}, "line_items[].quantity"),
        ({"line_items": [{"quantity": 1, "subtotal": "1", "sku": {"x": 1}}]}, "line_items[].sku"),
        ({"coupon_lines": [{"code": "x"}]}, "coupon_lines[].discount"),
        ({"fee_lines": [{"name": "x", "total": []}]}, "fee_lines[].total"),
        ({"tax_lines": [{"label": "x", "tax_total": "x"}]}, "tax_lines[].tax_total"),
        ({"meta_data": "none"}, "meta_data"),
    ],
)
def test_an_optional_part_that_cannot_be_read_costs_itself_and_is_noted(
    changes: dict[str, Any], place: str
) -> None:
    assert order("onhold_bacs", **changes).left_out == (place,)


@pytest.mark.parametrize("nothing", [None, False, "", [], {}])
def test_what_is_empty_in_phps_words_is_absent(nothing: Any) -> None:
    parts = ["billing", "shipping", "customer_id", "line_items", "coupon_lines", "fee_lines", "tax_lines"]
    found = order("onhold_bacs", **dict.fromkeys([*parts, "meta_data", "number"], nothing))
    assert (found.left_out, found.line_items, found.email) == ((), (), "")


def test_ids_beyond_53_bits_are_exact() -> None:
    text = (
        (SAMPLES / "orders" / "onhold_bacs.json").read_text().replace('"id":225', '"id":9007199254740993', 1)
    )
    assert document(exact_json.decode(text)).ref == "9007199254740993"
