"""From order to payload: what is sent, where it came from, what is left out, what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from pydantic import ValidationError

from connector.mapping.mapper import Mapped, Mapper, Skipped
from connector.mapping.order_ids import MAX_OFFSET, Numbering, Strategy
from connector.mapping.settings import MAPPABLE, MappingSettings
from connector.mapping.warnings import Note, NoteKind
from connector.model.errors import BadOrder
from connector.model.order import (
    Address,
    Consent,
    Discount,
    FinancialStatus,
    FulfillmentStatus,
    LineItem,
    Order,
    Phone,
    Status,
    TaxLine,
    deleted,
)
from connector.model.payload import FIELDS, MAX_ORDER_ID, Payload
from connector.runtime import exact_json

PLACED = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDER = Order(
    ref="9007199254740993",
    placed_at=PLACED,
    changed_at=PLACED,
    currency="usd",
    total=Decimal("85.7"),
    financial=Status(value=FinancialStatus.PAID, words=("processing", "wc-processing"), origin="status"),
    fulfillment=Status(value=FulfillmentStatus.UNFULFILLED, words=("processing",), origin="status"),
    subtotal=Decimal(70),
    tax_lines=(TaxLine("NY  tax", Decimal("5.71")),),
    line_items=(
        LineItem(sku="A-1", quantity=2, price=Decimal("25"), name="Thing", product_id="12", variant_id="99"),
        LineItem(sku="", quantity=1, price=Decimal("19.9999996"), name="Gift\nwrap"),
    ),
    email=" Ada@Example.com ",
    phones=(Phone("(212) 555-0142", "US", "billing.phone"),),
    customer_id="7",
    billing=Address(first_name="Ada", state_code="ny", country_code="US", postal_code="10001"),
    email_consent=Consent(given=True, origin="meta newsletter"),
    sms_consent=Consent(given=False, origin="meta sms"),
    origins={"total": "total", "email": "billing.email", "subtotal": "sum of the lines"},
)
BODY: dict[str, Any] = {
    "id": 42,
    "total": Decimal("85.70"),
    "key": "k",
    "list": [1],
    "none": None,
    "optin": "yes",
}


def mapper(**settings: Any) -> Mapper:
    return Mapper(MappingSettings.model_validate(settings), Numbering(store="acme", strategy=Strategy.NATIVE))


def sent(order: Order = ORDER, body: dict[str, Any] = BODY, **settings: Any) -> Mapped:
    mapped = mapper(**settings).map(order, body)
    assert isinstance(mapped, Mapped)
    return mapped


def skipped(order: Order = ORDER, told: bool = False, **settings: Any) -> Skipped:
    found = mapper(**settings).map(order, BODY, told=told)
    assert isinstance(found, Skipped)
    return found


def refused(order: Order = ORDER, body: dict[str, Any] = BODY, **settings: Any) -> BadOrder:
    with pytest.raises(BadOrder) as caught:
        mapper(**settings).map(order, body)
    return caught.value


def changed(**fields: Any) -> Order:
    return msgspec.structs.replace(ORDER, **fields)


def kinds(mapped: Mapped | Skipped) -> list[NoteKind]:
    return [note.kind for note in mapped.notes]


class TestPayload:
    def test_an_order_becomes_the_body_that_privy_takes(self) -> None:
        assert exact_json.decode(exact_json.encode(sent().payload)) == {
            "order_id": 9007199254740993,
            "total": Decimal("85.70"),
            "currency": "USD",
            "order_date": "2026-06-01T12:00:00Z",
            "email": "Ada@Example.com",
            "phone": "+12125550142",
            "customer_id": "7",
            "subtotal": Decimal("70.00"),
            "discounts": [],
            "tax_lines": [{"title": "NY tax", "amount": Decimal("5.71")}],
            "total_items": 3,
            "financial_status": "paid",
            "fulfillment_status": "unfulfilled",
            "line_items": [
                {
                    "sku": "A-1",
                    "quantity": 2,
                    "price": Decimal("25.00"),
                    "name": "Thing",
                    "product_id": "12",
                    "variant_id": "99",
                },
                {"sku": "Gift wrap", "quantity": 1, "price": Decimal("20.00"), "name": "Gift wrap"},
            ],
            "billing_address": {
                "first_name": "Ada",
                "state_code": "NY",
                "country_code": "US",
                "postal_code": "10001",
            },
            "accepts_email_marketing": True,
            "accepts_sms_marketing": False,
        }

    def test_each_field_remembers_where_it_came_from(self) -> None:
        origins = sent(
            fields={"customer_id": "id"},
            financial_status={"processing": "authorized"},
            defaults={"shipping_address": {"city": "Rome"}},
        ).origins
        assert origins == {
            "order_id": "the platform's id, numbered native",
            "total": "total",
            "email": "billing.email",
            "phone": "billing.phone",
            "subtotal": "sum of the lines",
            "customer_id": "mapping.fields.customer_id: id",
            "total_items": "sum of the quantities",
            "financial_status": "mapping.financial_status[processing]",
            "fulfillment_status": "status",
            "shipping_address": "mapping.defaults.shipping_address",
            "accepts_email_marketing": "meta newsletter",
            "accepts_sms_marketing": "meta sms",
        }

    def test_lists_are_said_outright_and_what_is_unknown_is_left_out(self) -> None:
        bare = Order(
            ref="1",
            placed_at=PLACED,
            changed_at=PLACED,
            currency="EUR",
            total=Decimal(0),
            financial=Status(value=None),
            fulfillment=Status(value=None),
            email="a@b.example",
        )
        mapped = sent(bare)
        assert exact_json.encode(mapped.payload) == (
            b'{"order_id":1,"total":0.00,"currency":"EUR","order_date":"2026-06-01T12:00:00Z",'
            b'"email":"a@b.example","discounts":[],"tax_lines":[],"total_items":0,"line_items":[]}'
        )
        assert mapped.notes == ()

    @pytest.mark.parametrize(
        ("amount", "text"),
        [
            ("1", "1.00"),
            ("1E+3", "1000.00"),
            ("1.5", "1.50"),
            ("1.500", "1.50"),
            ("2220.890", "2220.89"),
            ("1.234", "1.234"),
            ("44.9584034", "44.958403"),
            ("0.0000005", "0.000001"),
            ("-0.0", "0.00"),
            ("-5", "-5.00"),
            ("999999999999.999999", "999999999999.999999"),
        ],
    )
    def test_money_is_decimal_with_two_to_six_places(self, amount: str, text: str) -> None:
        assert f'"total":{text},'.encode() in exact_json.encode(sent(changed(total=Decimal(amount))).payload)

    def test_every_time_is_said_in_utc(self) -> None:
        local = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
        assert sent(changed(placed_at=local)).payload.order_date == PLACED

    @pytest.mark.parametrize(
        ("line", "sku"),
        [
            (LineItem(sku=" A  1\x00", quantity=1, price=Decimal(1), variant_id="9"), "A  1"),
            (LineItem(sku="", quantity=1, price=Decimal(1), variant_id="9", product_id="8", name="N"), "9"),
            (LineItem(sku="", quantity=1, price=Decimal(1), product_id="8", name="N"), "8"),
            (LineItem(sku="", quantity=1, price=Decimal(1)), "-"),
        ],
    )
    def test_a_line_without_sku_is_known_by_its_variant_product_or_name(
        self, line: LineItem, sku: str
    ) -> None:
        assert sent(changed(line_items=(line,))).payload.line_items[0]["sku"] == sku

    def test_currencies_that_were_withdrawn_are_still_said(self) -> None:
        assert sent(changed(currency=" hrk ")).payload.currency == "HRK"


class TestStatuses:
    def test_a_word_that_is_not_known_is_left_out_and_noted_never_guessed(self) -> None:
        mapped = sent(
            changed(
                financial=Status(value=None, words=("paid-somehow",)),
                fulfillment=Status(value=None, words=("on its way",)),
            )
        )
        assert mapped.payload.financial_status is UNSET
        assert mapped.payload.fulfillment_status is UNSET
        assert [str(note) for note in mapped.notes] == [
            "unknown-financial-status:paid-somehow",
            "unknown-fulfillment-status:on its way",
        ]
        assert "mapping.financial_status" in mapped.notes[0].sentence

    def test_the_stores_table_wins_by_any_spelling(self) -> None:
        mapped = sent(
            financial_status={"wc-processing": "pending"}, fulfillment_status={"processing": "delivered"}
        )
        assert mapped.payload.financial_status is FinancialStatus.PENDING
        assert mapped.payload.fulfillment_status is FulfillmentStatus.DELIVERED

    def test_words_that_are_numbers_can_be_mapped(self) -> None:
        order = changed(financial=Status(value=None, words=("5",)))
        assert sent(order, financial_status={5: "paid"}).payload.financial_status is FinancialStatus.PAID

    def test_what_the_order_proves_wins_over_every_choice(self) -> None:
        order = changed(
            financial=Status(
                value=FinancialStatus.REFUNDED, words=("processing",), origin="refunds", firm=True
            )
        )
        mapped = sent(order, financial_status={"processing": "paid"}, fields={"financial_status": "'paid'"})
        assert mapped.payload.financial_status is FinancialStatus.REFUNDED

    def test_an_unknown_word_is_noted_though_the_order_is_skipped(self) -> None:
        order = changed(
            placed=False,
            financial=Status(value=None, words=("awaiting-pickup", "wc-awaiting-pickup")),
            fulfillment=Status(value=None, words=("awaiting-pickup",)),
        )
        noted = [NoteKind.UNKNOWN_FINANCIAL_STATUS, NoteKind.UNKNOWN_FULFILLMENT_STATUS]
        for found in (
            skipped(order),
            skipped(changed(test=True, financial=order.financial, fulfillment=order.fulfillment)),
            skipped(msgspec.structs.replace(order, placed=True), skip={"mine": "total"}),
            skipped(msgspec.structs.replace(order, email="", phones=()), placed={"awaiting-pickup": True}),
        ):
            assert kinds(found)[:2] == noted
        mapping = {"awaiting-pickup": "pending"}
        assert kinds(sent(order, financial_status=mapping)) == noted[1:]
        assert kinds(skipped(order, fields={"financial_status": "none", "fulfillment_status": "none"})) == []

    def test_a_default_stands_in_where_nothing_is_known(self) -> None:
        mapped = sent(
            changed(financial=Status(value=None, words=("odd",)), currency=""),
            defaults={"financial_status": "pending", "currency": "EUR"},
        )
        assert mapped.payload.financial_status is FinancialStatus.PENDING
        assert mapped.payload.currency == "EUR"
        assert kinds(mapped) == [NoteKind.UNKNOWN_FINANCIAL_STATUS]


class TestContacts:
    @pytest.mark.parametrize(
        "text",
        [
            "ada@",
            "@b.example",
            "ada",
            "a@b@c.example",
            "a b@c.example",
            "a@localhost",
            "a@-b.example",
            "a..b@c.example",
            "a@b.example, c@d.example",
            "a@b..example",
            "x" * 250 + "@b.example",
        ],
    )
    def test_text_that_is_no_email_address_is_left_out_and_noted(self, text: str) -> None:
        mapped = sent(changed(email=text))
        assert mapped.payload.email is UNSET
        assert mapped.notes == (Note(NoteKind.EMAIL_UNUSABLE),)

    @pytest.mark.parametrize(
        "text", ["a+tag@b.example", "Ö@bücher.example", "a@xn--bcher-kva.example", "o'x@b.co.uk"]
    )
    def test_unusual_email_addresses_are_kept(self, text: str) -> None:
        assert sent(changed(email=text)).payload.email == text

    def test_the_first_phone_that_parses_counts(self) -> None:
        order = changed(
            phones=(Phone("N/A", "US", "billing.phone"), Phone("0171 1234567", "Germany", "shipping.phone"))
        )
        mapped = sent(order)
        assert mapped.payload.phone == "+491711234567"
        assert mapped.origins["phone"] == "shipping.phone"
        assert mapped.notes == ()

    def test_the_stores_region_reads_phones_without_a_country(self) -> None:
        order = changed(phones=(Phone("030 23125042", "", "phone"),))
        assert sent(order, default_phone_region="de").payload.phone == "+493023125042"
        assert kinds(sent(order)) == [NoteKind.PHONE_UNPARSABLE]
        given = msgspec.structs.replace(order, sms_consent=Consent(given=True, origin="meta"))
        assert kinds(sent(given)) == [NoteKind.PHONE_UNPARSABLE, NoteKind.SMS_CONSENT_WITHOUT_PHONE]

    def test_consent_to_texts_goes_with_a_phone_only_and_its_withdrawal_always(self) -> None:
        given = sent(changed(phones=(), sms_consent=Consent(given=True, origin="meta")))
        assert given.payload.accepts_sms_marketing is UNSET
        assert kinds(given) == [NoteKind.SMS_CONSENT_WITHOUT_PHONE]
        for phones in ((), (Phone("N/A", "US", "billing.phone"),)):
            withdrawn = sent(changed(phones=phones))
            assert withdrawn.payload.accepts_sms_marketing is False
            assert NoteKind.SMS_CONSENT_WITHOUT_PHONE not in kinds(withdrawn)
        said = sent(changed(phones=()), fields={"accepts_sms_marketing": "optin == 'no'"})
        assert said.payload.accepts_sms_marketing is False

    def test_an_email_address_is_unwrapped(self) -> None:
        assert sent(changed(email="Ada <ada@b.example>,")).payload.email == "ada@b.example"

    def test_the_phone_of_an_address_is_cleaned_or_left_out_and_that_is_said(self) -> None:
        mapped = sent(
            changed(
                billing=Address(city="Berlin", country_code="DE", phone="030/23125042"),
                shipping=Address(city="Berlin", phone="ask my neighbour"),
            )
        )
        assert mapped.payload.billing_address == {
            "city": "Berlin",
            "country_code": "DE",
            "phone": "+493023125042",
        }
        assert mapped.payload.shipping_address == {"city": "Berlin"}
        assert kinds(mapped) == [NoteKind.PHONE_OF_ADDRESS]

    def test_a_consent_to_texts_is_not_carried_over_to_another_number(self) -> None:
        phones = (Phone("+1 212 555", "US", "meta"), Phone("(212) 555-0142", "US", "billing.phone"))
        given = sent(changed(phones=phones, sms_consent=Consent(given=True, origin="meta")))
        assert (given.payload.phone, given.payload.accepts_sms_marketing) == ("+12125550142", UNSET)
        assert kinds(given) == [NoteKind.SMS_CONSENT_WITHOUT_PHONE]
        assert sent(changed(phones=phones)).payload.accepts_sms_marketing is False

    def test_an_unknown_consent_is_never_sent(self) -> None:
        payload = sent(changed(email_consent=None, sms_consent=None)).payload
        assert (payload.accepts_email_marketing, payload.accepts_sms_marketing) == (UNSET, UNSET)

    def test_a_status_is_noted_unless_it_is_known_that_privy_has_none_for_it(self) -> None:
        for known, noted in ((False, [NoteKind.UNKNOWN_FULFILLMENT_STATUS]), (True, [])):
            mapped = sent(changed(fulfillment=Status(value=None, words=("DIGITAL",), known=known)))
            assert mapped.payload.fulfillment_status is UNSET
            assert kinds(mapped) == noted

    def test_an_unknown_country_is_left_out_and_noted(self) -> None:
        mapped = sent(changed(shipping=Address(city="Poseidonis", country_code="Atlantis")))
        assert mapped.payload.shipping_address == {"city": "Poseidonis"}
        assert kinds(mapped) == [NoteKind.COUNTRY_UNKNOWN]


class TestRules:
    def test_an_order_without_contact_is_skipped_whatever_the_store_says(self) -> None:
        found = skipped(changed(email="nobody", phones=()), skip={"no-contact": "`false`"})
        assert found.rule == "no-contact"
        assert kinds(found) == [NoteKind.EMAIL_UNUSABLE]

    def test_an_order_that_is_not_placed_waits_unless_privy_has_it(self) -> None:
        cart = changed(placed=False)
        assert skipped(cart) == Skipped("not-placed", "not an order yet, or no longer: processing")
        assert isinstance(mapper().map(cart, BODY, told=True), Mapped)

    def test_a_deleted_order_goes_out_only_when_privy_has_it(self) -> None:
        gone = deleted(ORDER)
        assert skipped(gone).rule == "not-placed"
        mapped = mapper(fulfillment_status={"processing": "delivered"}).map(gone, BODY, told=True)
        assert isinstance(mapped, Mapped)
        assert mapped.payload.financial_status is FinancialStatus.VOIDED
        assert mapped.payload.fulfillment_status is FulfillmentStatus.RESTOCKED

    def test_the_store_says_which_words_count_as_placed(self) -> None:
        assert skipped(placed={"wc-processing": False}).rule == "not-placed"
        assert isinstance(sent(changed(placed=False), placed={"processing": True}), Mapped)

    def test_a_word_of_the_shops_own_is_an_order_once_the_store_maps_it(self) -> None:
        own = changed(
            placed=False,
            financial=Status(value=None, words=("ready", "wc-ready")),
            fulfillment=Status(value=None, words=("ready", "wc-ready")),
        )
        assert skipped(own).rule == "not-placed"
        assert sent(own, fulfillment_status={"ready": "on_hold"}).payload.fulfillment_status == "on_hold"
        assert (
            skipped(own, fulfillment_status={"ready": "on_hold"}, placed={"ready": False}).rule
            == "not-placed"
        )

    def test_test_orders_are_skipped_until_the_store_switches_the_rule_off(self) -> None:
        assert skipped(changed(test=True)).rule == "test-order"
        assert skipped(changed(test=True), told=True).rule == "test-order"
        assert isinstance(sent(changed(test=True), skip={"test-order": False}), Mapped)

    def test_an_expression_replaces_a_built_in_rule(self) -> None:
        rules = {"not-placed": "key == 'k'", "test-order": "key == 'test'"}
        assert skipped(skip=rules) == Skipped("not-placed", "mapping.skip.not-placed: key == 'k'")
        assert isinstance(sent(changed(placed=False, test=True), BODY | {"key": ""}, skip=rules), Mapped)

    def test_rules_of_the_store_have_names_and_apply_in_their_order(self) -> None:
        found = skipped(skip={"none": "none", "small": "total < `100`", "later": "key"})
        assert found == Skipped("small", "mapping.skip.small: total < `100`")

    def test_a_rule_that_cannot_be_evaluated_names_itself(self) -> None:
        assert refused(skip={"odd": "sum(key) > `1`"}).field == "mapping.skip.odd"


class TestFields:
    @pytest.mark.parametrize(
        ("field", "expression", "value"),
        [
            ("total", "total", Decimal("85.70")),
            ("total", "to_string(total)", Decimal("85.70")),
            ("subtotal", "id", Decimal("42.00")),
            ("customer_id", "id", "42"),
            ("customer_id", "none", UNSET),
            ("email", "none", UNSET),
            ("email", "'x@y.example'", "x@y.example"),
            ("phone", "'212 555 0145'", "+12125550145"),
            ("currency", "'chf'", "CHF"),
            ("order_date", "'2026-06-01T14:00:00+02:00'", PLACED),
            ("total_items", "id", 42),
            ("total_items", "none", 3),
            ("total_items", "ceil(`1.5`)", 2),
            ("financial_status", "'refunded'", FinancialStatus.REFUNDED),
            ("fulfillment_status", "none", UNSET),
            ("accepts_email_marketing", "optin == 'no'", False),
            ("accepts_email_marketing", "none", UNSET),
            ("accepts_sms_marketing", "optin == 'yes'", True),
            ("discounts", "[{code: key, amount: total}]", (Discount("k", Decimal("85.70")),)),
            ("tax_lines", "none", ()),
            ("billing_address", "{city: key, company: none}", {"city": "k"}),
        ],
    )
    def test_an_expression_gives_a_field_and_null_leaves_it_out(
        self, field: str, expression: str, value: Any
    ) -> None:
        mapped = sent(fields={field: expression})
        assert getattr(mapped.payload, field) == value
        if value is not UNSET:
            assert mapped.origins[field] == f"mapping.fields.{field}: {expression}"

    @pytest.mark.parametrize(
        ("field", "expression", "said"),
        [
            ("total", "key", "expected a number, found text"),
            ("total", "none", "mapping.fields.total (none) finds none"),
            ("total", "`1e12`", "not below 10^12"),
            ("total", "optin == 'yes'", "expected a number, found true or false"),
            ("subtotal", "list", "expected a number, found a list"),
            ("currency", "key", "no ISO 4217 code"),
            ("currency", "'BTC'", "'BTC' is no ISO 4217 code"),
            ("order_date", "id", "expected an ISO 8601 time with its zone, found a number"),
            ("order_date", "'2026-06-01T14:00:00'", "no time zone"),
            ("order_date", "'0001-01-02T00:00:00+12:00'", "the year 1 cannot be right"),
            ("order_date", "none", "mapping.fields.order_date (none) finds none"),
            ("customer_id", "list", "expected text or a whole number, found a list"),
            ("total_items", "total", "expected a whole number, found a number"),
            ("total_items", "`99999999999`", "cannot be right"),
            ("financial_status", "key", "expected one of authorized, expired, paid"),
            ("fulfillment_status", "list", "found a list"),
            ("accepts_email_marketing", "optin", "expected true, false or null (not known), found text"),
            ("accepts_sms_marketing", "id", "expected true, false or null (not known), found a number"),
            ("discounts", "key", "Expected `array`, got `str`"),
            ("line_items", "[{sku: key}]", "missing required field"),
            ("line_items", "[{sku: key, quantity: `1`, price: key}]", "$[0].price"),
            ("billing_address", "list", "Expected `object`, got `array`"),
            ("email", "sum(key)", "sum() cannot take string"),
        ],
    )
    def test_what_does_not_fit_is_refused_naming_field_and_type(
        self, field: str, expression: str, said: str
    ) -> None:
        error = refused(fields={field: expression})
        assert error.field == field
        assert said in error.reason

    def test_a_refusal_never_shows_the_value(self) -> None:
        body = BODY | {"key": "ada.lovelace@example.com"}
        said = []
        for field in MAPPABLE:
            for expression in ("key", "[key]", "{code: key}", "[{code: key, amount: key}]", "sum(key)"):
                try:
                    mapper(fields={field: expression}).map(ORDER, body)
                except (BadOrder, ValidationError) as error:
                    said.append(str(error))
        assert len(said) > 60
        assert "lovelace" not in " ".join(said)

    def test_the_order_id_can_come_from_the_document(self) -> None:
        mapped = sent(order_id={"from": "id"})
        assert mapped.payload.order_id == 42
        assert mapped.origins["order_id"] == "mapping.order_id.from: id, numbered native"
        for expression in ("none", "total", "optin == 'yes'", "list", "sum(key)", "key"):
            assert refused(order_id={"from": expression}).field == "order_id"


class TestBadOrders:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"total": Decimal("NaN")}, "total"),
            ({"total": Decimal("-Infinity")}, "total"),
            ({"total": Decimal("1e999999")}, "total"),
            ({"subtotal": Decimal("1e12")}, "subtotal"),
            ({"currency": ""}, "currency"),
            ({"currency": "dollars"}, "currency"),
            ({"placed_at": datetime(1970, 1, 1, tzinfo=UTC)}, "order_date"),
            ({"placed_at": datetime(9999, 12, 31, tzinfo=timezone(-timedelta(hours=9)))}, "order_date"),
            ({"ref": "order_01JD"}, "order_id"),
            (
                {"line_items": (LineItem(sku="x", quantity=10**10, price=Decimal(1)),)},
                "line_items[0].quantity",
            ),
            ({"line_items": (LineItem(sku="x", quantity=1, price=Decimal("sNaN")),)}, "line_items[0].price"),
            ({"discounts": (Discount("x", Decimal("Infinity")),)}, "discounts[0].amount"),
            ({"tax_lines": (TaxLine("x", Decimal("NaN")),)}, "tax_lines[0].amount"),
        ],
    )
    def test_impossible_values_are_refused_by_name(self, fields: dict[str, Any], field: str) -> None:
        assert refused(changed(**fields)).field == field


class TestOwnKeys:
    def test_keys_of_the_mappings_own_go_out_as_they_are(self) -> None:
        mapped = sent(
            fields={
                "shipping_address": "{name: key, zip: id, geo: {lat: total, tags: list}, company: none}",
                "line_items": "list[].{sku: to_string(@), quantity: @, price: @, gift: `true`, note: ' n '}",
            }
        )
        assert mapped.payload.shipping_address == {
            "name": "k",
            "zip": 42,
            "geo": {"lat": Decimal("85.70"), "tags": [1]},
        }
        assert mapped.payload.line_items == (
            {"sku": "1", "quantity": 1, "price": Decimal("1.00"), "gift": True, "note": "n"},
        )

    def test_an_address_that_has_only_such_keys_is_one(self) -> None:
        mapped = sent(fields={"billing_address": "{name: key}"})
        assert mapped.payload.billing_address == {"name": "k"}
        given = sent(changed(shipping=Address()), defaults={"shipping_address": {"name": "Ada", "zip": 5}})
        assert given.payload.shipping_address == {"name": "Ada", "zip": 5}

    @pytest.mark.parametrize("value", ["1e900000000", "NaN", "-Infinity", "1e30"])
    def test_a_number_that_nobody_can_read_is_refused_by_name(self, value: str) -> None:
        body = {"id": 42, "odd": Decimal(value)}
        error = refused(body=body, fields={"shipping_address": "{floor: odd}"})
        assert (error.field, "impossible number" in error.reason) == ("shipping_address", True)

    @pytest.mark.parametrize(
        ("field", "expression", "said"),
        [
            ("billing_address", "{first_nam: a}", 'first_nam is not a key.*did you mean "first_name"'),
            ("billing_address", "{firstName: a}", 'did you mean "first_name"'),
            ("shipping_address", "to.{adress1: a}", 'did you mean "address1"'),
            ("shipping_address", "to.{address_1: a} || from.{city: b}", 'did you mean "address1"'),
            ("shipping_address", "to | {postal_cod: a}", 'did you mean "postal_code"'),
            ("line_items", "rows[].{sku: a, quanity: b, price: c}", 'did you mean "quantity"'),
            ("line_items", "rows[?a].{sku: a, quantity: b, pricee: c}", 'did you mean "price"'),
            ("line_items", "map(&{sku: a, quantity: b, prices: c}, rows)", 'did you mean "price"'),
            ("line_items", "[{sku: a, quantity: b, price: c, product_ids: d}]", 'did you mean "product_id"'),
            ("discounts", "rows[].{code: a, amount: b, kind: c}", "kind is not a key.*known: code, amount"),
            ("tax_lines", "rows[].{titel: a, amount: b}", 'did you mean "title"'),
        ],
    )
    def test_a_slip_in_a_known_key_is_refused_when_the_configuration_is_read(
        self, field: str, expression: str, said: str
    ) -> None:
        with pytest.raises(ValidationError, match=said):
            MappingSettings.model_validate({"fields": {field: expression}})

    def test_a_slip_in_a_default_is_refused_too(self) -> None:
        with pytest.raises(ValidationError, match='did you mean "city"'):
            MappingSettings.model_validate({"defaults": {"billing_address": {"citty": "Rome"}}})

    @pytest.mark.parametrize(
        "expression",
        [
            "{name: a, zip: b, address3: c, phone2: d, state: e, country: f}",
            "to",
            "merge(to, {door: a})",
            "@",
        ],
    )
    def test_words_of_ones_own_are_none(self, expression: str) -> None:
        MappingSettings.model_validate({"fields": {"shipping_address": expression}})


class TestCurrency:
    def test_what_the_store_says_comes_before_what_is_required(self) -> None:
        order = changed(currency="")
        assert sent(order, defaults={"currency": "EUR"}).payload.currency == "EUR"
        assert sent(order, fields={"currency": "'chf'"}).payload.currency == "CHF"
        assert sent(changed(currency="Lei"), fields={"currency": "'RON'"}).payload.currency == "RON"
        error = refused(order)
        assert (error.field, "mapping: {defaults: {currency: EUR}}" in error.reason) == ("currency", True)

    def test_a_default_does_not_stand_for_a_code_that_is_none(self) -> None:
        error = refused(changed(currency="BTC"), defaults={"currency": "EUR"})
        assert "mapping: {fields: {currency: " in error.reason
        assert "defaults" not in error.reason


class TestRequired:
    """What no payload can be without: the mapping speaks before it is missed."""

    ABSENT = changed(
        total=None,
        placed_at=None,
        lacks={"total": "grand_total: is missing", "order_date": "at: is not a time"},
    )

    def test_what_the_document_lacks_can_be_the_mappings(self) -> None:
        fields = {"total": "'12.5'", "order_date": "'2026-11-20T10:00:00+01:00'"}
        payload = sent(self.ABSENT, fields=fields).payload
        assert payload.total == Decimal("12.50")
        assert payload.order_date == datetime(2026, 11, 20, 9, tzinfo=UTC)

    def test_without_it_is_refused_with_the_reason_and_the_line_to_write(self) -> None:
        assert str(refused(self.ABSENT)) == (
            "total: grand_total: is missing; if the document has it elsewhere, write in the store, "
            'like mapping: {fields: {total: "invoice.total"}}'
        )
        error = refused(self.ABSENT, fields={"total": "'1'"})
        assert str(error).startswith("order_date: at: is not a time; ")
        error = refused(self.ABSENT, fields={"total": "nowhere"})
        assert str(error) == (
            "total: mapping.fields.total (nowhere) finds none; correct mapping.fields.total"
        )

    @pytest.mark.parametrize("year", [1970, 2300])
    def test_a_date_that_cannot_be_right_is_told_with_the_line_too(self, year: int) -> None:
        error = refused(changed(placed_at=datetime(year, 1, 1, tzinfo=UTC)))
        assert f"the year {year} cannot be right; if the document has it" in error.reason

    def test_an_order_that_a_rule_skips_needs_neither(self) -> None:
        made = mapper().map(msgspec.structs.replace(self.ABSENT, placed=False), {})
        assert isinstance(made, Skipped)

    def test_a_date_of_the_mapping_is_no_later_than_what_the_document_proves(self) -> None:
        own = mapper(fields={"order_date": "at"})
        said, paid = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
        body = {"at": said.isoformat()}
        assert own.dated(self.ABSENT, body).placed_at == said
        assert own.dated(msgspec.structs.replace(self.ABSENT, placed_by=paid), body).placed_at == paid
        assert own.dated(changed(placed_at=paid), body).placed_at == paid
        for unusable in ({}, {"at": "soon"}, {"at": "1970-01-01T00:00:00Z"}, {"at": "2026-11-20T10:00:00"}):
            assert own.dated(self.ABSENT, unusable).placed_at is None


class TestTotalItems:
    @pytest.mark.parametrize(
        ("quantities", "total"), [((2, 1), 3), ((3, -1), 2), ((-2,), 0), ((1, -4), 0), ((), 0)]
    )
    def test_goods_taken_back_are_taken_off_down_to_none(
        self, quantities: tuple[int, ...], total: int
    ) -> None:
        items = tuple(LineItem(sku="x", quantity=one, price=Decimal(1)) for one in quantities)
        payload = sent(changed(line_items=items)).payload
        assert payload.total_items == total
        assert [line["quantity"] for line in payload.line_items] == list(quantities)

    def test_what_a_store_says_is_sent_as_it_is(self) -> None:
        assert sent(fields={"total_items": "`-2`"}).payload.total_items == -2


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"fields": {"order_id": "id"}}, "order_id is set under mapping.order_id"),
            ({"fields": {"custmer_id": "id"}}, 'did you mean "customer_id"?'),
            ({"fields": {"customer_id": "a["}}, "'a\\[' is not a JMESPath expression: it ends too early"),
            ({"fields": {"customer_id": 5}}, "valid string"),
            ({"order_id": {"from": "a["}}, "is not a JMESPath expression"),
            ({"order_id": {"strategy": "offset"}}, "strategy offset needs an offset"),
            ({"order_id": {"strategy": "hash", "offset": 5}}, "offset counts with strategy: offset only"),
            ({"order_id": {"strategy": "offset", "offset": MAX_OFFSET + 1}}, "less than or equal"),
            (
                {"defaults": {"accepts_email_marketing": True}},
                "a consent is sent only where the shop states it",
            ),
            (
                {"defaults": {"accepts_sms_marketing": False}},
                "a consent is sent only where the shop states it",
            ),
            ({"defaults": {"email": "shop@acme.example"}}, "it would make one contact of many buyers"),
            ({"defaults": {"total": 0}}, "every order says its own; known: billing_address, currency"),
            ({"defaults": {"currency": "Dollars"}}, "currency: there is no ISO 4217 code"),
            ({"defaults": {"financial_status": "payed"}}, "financial_status: expected one of authorized"),
            ({"defaults": {"currency": None}}, "a default cannot be null"),
            ({"financial_status": {"x": "payed"}}, "'authorized', 'expired', 'paid'"),
            ({"default_phone_region": "USA"}, "give its two letters"),
            ({"skip": {"no-contact": False}}, "cannot be switched off: Privy takes no order"),
            ({"skip": {"free": False}}, "false switches off a built-in rule"),
            ({"skip": {"free": True}}, "a skip rule is a JMESPath expression"),
            ({"skip": {"Free Orders": "total"}}, "a rule's name has 1 to 40 letters"),
            ({"skip": {"free-orders\n": "total"}}, "a rule's name has 1 to 40 letters"),
            ({"skip": {"a" * 41: "total"}}, "a rule's name has 1 to 40 letters"),
            ({"skip": {"free": "totl("}}, "is not a JMESPath expression"),
            ({"unknown": 1}, "Extra inputs"),
        ],
    )
    def test_a_wrong_choice_is_refused_when_the_configuration_is_read(
        self, settings: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(ValidationError, match=said):
            MappingSettings.model_validate(settings)

    def test_the_usual_numbering_follows_the_platforms_ids(self) -> None:
        plain = MappingSettings().order_id
        assert plain.claim(store="a", account="m", ids="integer").strategy is Strategy.NATIVE
        assert plain.claim(store="a", account="m", ids="text").strategy is Strategy.HASH
        named = MappingSettings.model_validate({"order_id": {"from": "display_id"}}).order_id
        assert named.claim(store="a", account="m", ids="text").strategy is Strategy.NATIVE
        assert named.claim(store="a", account="m", ids="text").source == "display_id"

    def test_text_ids_cannot_be_numbered_natively(self) -> None:
        native = MappingSettings.model_validate({"order_id": {"strategy": "native"}}).order_id
        assert "needs integers" in native.problem("text")
        assert native.problem("integer") == ""
        assert MappingSettings().order_id.problem("text") == ""

    def test_editors_get_a_schema(self) -> None:
        schema = MappingSettings.model_json_schema()
        assert schema["properties"]["fields"]["propertyNames"]["enum"] == list(MAPPABLE)
        assert "from" in schema["$defs"]["OrderIdSettings"]["properties"]


texts = st.text(alphabet=st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    ["a@b.example", "+12125550142", "US", "EUR", "paid", "2026-01-01T00:00Z"]
)
numbers = st.integers() | st.decimals()
documents = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["a", "b", "sku", "quantity", "price", "code", "amount", "city"]), inner
        )
    ),
    max_leaves=12,
)
expressions = st.sampled_from(
    [
        "a",
        "b",
        "a.b",
        "[a, b]",
        "a[].b",
        "{city: a}",
        "[{code: a, amount: b}]",
        "[{sku: a, quantity: b, price: a}]",
        "sum(a)",
        "to_string(a)",
        "to_number(b)",
        "a == b",
        "a < b",
        "ceil(a)",
        "sort_by(a, &b)",
        "avg(a[].b)",
        "a || b",
    ]
)
addresses = st.builds(Address, first_name=texts, state_code=texts, country_code=texts, phone=texts)
amounts = st.decimals(-(10**12), 10**12) | st.decimals()
moments = st.datetimes(timezones=st.timezones() | st.none())
orders = st.fixed_dictionaries(
    {},
    optional={
        "ref": st.integers(1, MAX_ORDER_ID).map(str) | texts,
        "placed_at": moments,
        "currency": st.sampled_from(["EUR", " usd", "XXX"]) | texts,
        "total": amounts,
        "financial": st.builds(
            Status,
            value=st.none() | st.sampled_from(FinancialStatus),
            words=st.tuples(texts),
            firm=st.booleans(),
        ),
        "fulfillment": st.builds(
            Status, value=st.none() | st.sampled_from(FulfillmentStatus), words=st.tuples(texts)
        ),
        "placed": st.booleans(),
        "subtotal": st.none() | amounts,
        "discounts": st.lists(st.builds(Discount, texts, amounts), max_size=2).map(tuple),
        "tax_lines": st.lists(st.builds(TaxLine, texts, amounts), max_size=2).map(tuple),
        "line_items": st.lists(
            st.builds(LineItem, sku=texts, quantity=st.integers(), price=amounts, name=texts), max_size=2
        ).map(tuple),
        "email": texts,
        "phones": st.lists(st.builds(Phone, texts, texts, texts), max_size=2).map(tuple),
        "customer_id": texts,
        "billing": addresses,
        "shipping": addresses,
        "email_consent": st.none() | st.builds(Consent, given=st.booleans(), origin=texts),
        "sms_consent": st.none() | st.builds(Consent, given=st.booleans(), origin=texts),
    },
).map(lambda fields: changed(**fields))


def check(mapped: Mapped | Skipped) -> None:
    """What holds for every payload, whatever it was made of."""
    if isinstance(mapped, Skipped):
        assert mapped.rule
        return
    payload = mapped.payload
    assert msgspec.json.decode(exact_json.encode(payload), type=Payload)
    assert 0 < payload.order_id < 2**63
    assert payload.email is not UNSET or payload.phone is not UNSET
    assert payload.accepts_sms_marketing is not True or payload.phone is not UNSET
    assert payload.order_date.tzinfo is UTC
    assert set(mapped.origins) <= set(FIELDS)


def outcome(order: Order, body: dict[str, Any], told: bool, **settings: Any) -> None:
    """A payload that holds, a skip, or an error that names its field; anything else would come out."""
    try:
        mapped = mapper(**settings).map(order, body, told=told)
    except ValidationError:  # keys that discounts and taxes do not have
        return
    except BadOrder as error:
        named = error.field
    else:
        check(mapped)
        return
    assert named.partition("[")[0] in (*FIELDS, "mapping.skip.rule")


@given(order=orders, told=st.booleans())
@settings(max_examples=300)
def test_any_order_becomes_a_payload_a_skip_or_a_named_error(order: Order, told: bool) -> None:
    outcome(order, {}, told, placed={"paid": True})


@given(
    body=st.dictionaries(st.sampled_from(["a", "b"]), documents),
    fields=st.dictionaries(st.sampled_from(MAPPABLE), expressions, max_size=4),
    source=st.none() | expressions,
    rule=st.none() | expressions,
)
def test_any_document_becomes_a_payload_a_skip_or_a_named_error(
    body: dict[str, Any], fields: dict[str, str], source: str | None, rule: str | None
) -> None:
    order_id = {"from": source} if source else {}
    outcome(ORDER, body, False, fields=fields, order_id=order_id, skip={"rule": rule} if rule else {})
