"""Pushed documents, pure: whatever is pushed becomes a body that Privy takes, or a fault with a name."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from hmac import new as new_hmac
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.push import Push
from adapters.push.configuration import Credentials, Options
from connector.ingest.transform import Bench, Known, judge
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.errors import BadOrder, Forged
from connector.model.facts import StoreFacts, Version
from connector.model.order import FinancialStatus, Order
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sandbox import rules
from connector.sdk.contract import WebhookRequest
from tests.state import lane_rules

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
FACTS = StoreFacts("house", "push", "main", NOW, NOW - timedelta(days=1), None, None)
GOOD: dict[str, Any] = {
    "order_id": 1001,
    "order_date": "2026-06-02T10:00:00Z",
    "total": 47.9,
    "currency": "EUR",
    "email": "ann@mail.example",
}


def adapter(**options: Any) -> Push:
    return Push(
        url="https://house.example",
        credentials=Credentials(),
        options=Options.model_validate(options),
        http=Http(),
    )


def parsed(body: dict[str, Any], **options: Any) -> Order:
    own = adapter(**options)
    return own.parse(own.document(exact(body), NOW))


def exact(body: Any) -> Any:
    """As it comes out of JSON."""
    return exact_json.decode(exact_json.encode(body))


def judged(own: Push, body: dict[str, Any], *, told: bool = False) -> Version:
    bench = Bench(
        adapter=own,
        mapper=Mapper(MappingSettings(), Numbering(store="house", strategy=Strategy.HASH)),
        facts=FACTS,
        rules=lane_rules(FACTS),
    )
    document = own.document(body, NOW)
    return judge(bench, document, Known(told=told), feed="push", fetched_at=NOW, now=NOW)


text = st.text(max_size=12) | st.sampled_from(
    [
        "2026-06-02T10:00:00Z",
        "2026-06-02",
        "1780394400",
        "12.50",
        "EUR",
        "paid",
        "ann@mail.example",
        "true",
        "",
    ]
)
numbers = (
    st.integers()
    | st.integers(10**17, 10**60)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), 1780394400, 1780394400000, 0, -1])
)
scalars = st.none() | st.booleans() | text | numbers
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
address = st.dictionaries(
    st.sampled_from(["first_name", "last_name", "name", "city", "state_code", "country_code", "phone"]),
    text | scalars,
)
line = st.dictionaries(st.sampled_from(["sku", "quantity", "price", "name", "product_id"]), scalars)
FIELDS = {
    "order_id": st.integers(1, 2**70) | text,
    "order_date": text | numbers,
    "total": numbers | text,
    "currency": st.sampled_from(["EUR", "jpy", " usd ", "KWD"]) | text,
    "subtotal": numbers,
    "email": text,
    "phone": text,
    "customer_id": scalars,
    "financial_status": text,
    "fulfillment_status": text,
    "placed": scalars,
    "test": scalars,
    "number": scalars,
    "accepts_email_marketing": scalars,
    "accepts_sms_marketing": scalars,
    "billing_address": address,
    "shipping_address": address,
    "line_items": st.lists(line, max_size=3),
    "discounts": st.lists(st.dictionaries(st.sampled_from(["code", "amount"]), scalars), max_size=2),
    "tax_lines": st.lists(st.dictionaries(st.sampled_from(["title", "amount"]), scalars), max_size=2),
}
changes = st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none()).flatmap(
    lambda chosen: st.fixed_dictionaries({name: FIELDS[name] | anything for name in chosen})
)
options = st.sampled_from(
    [
        {},
        {"amounts": "minor", "time_zone": "Europe/Berlin"},
        {"changed_at": "order_date"},
        {"version": "number", "subtotal": "sum(line_items[].price)", "line": {"quantity": "ceil(quantity)"}},
        {
            "phone": "[*]",
            "email": "to_string(email)",
            "placed": "number > `3`",
            "id": "not_null(order_id, number)",
        },
    ]
)


@given(body=changes.map(lambda own: GOOD | own) | st.dictionaries(text, anything, max_size=4), chosen=options,
       told=st.booleans())  # fmt: skip
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_pushed_becomes_a_body_that_privy_takes_or_a_fault_with_a_name(
    body: dict[str, Any], chosen: dict[str, Any], told: bool
) -> None:
    own = adapter(**chosen)
    body = exact(body)
    try:
        version = judged(own, body, told=told)
    except BadOrder:  # without an id nothing can be kept
        return
    if version.state == "waiting":
        assert version.body is not None
        checked = rules.check(exact_json.decode(version.body))
        assert (checked.problems, checked.ignored) == ([], [])
    elif version.state == "failed":
        assert "internal fault" not in version.reason
        field, _, why = version.reason.partition(": ")
        assert field
        assert why
    exact_json.encode(msgspec.to_builtins(version))


@pytest.mark.parametrize(
    ("given_time", "zone", "understood"),
    [
        ("2026-06-02T10:00:00Z", None, "2026-06-02T10:00:00+00:00"),
        ("2026-06-02T10:00:00+02:00", None, "2026-06-02T08:00:00+00:00"),
        ("2026-06-02 10:00", "Europe/Berlin", "2026-06-02T08:00:00+00:00"),
        ("2026-12-02", "America/New_York", "2026-12-02T05:00:00+00:00"),
        (1780394400, None, "2026-06-02T10:00:00+00:00"),
        (1780394400.25, None, "2026-06-02T10:00:00.250000+00:00"),
        (1780394400123, None, "2026-06-02T10:00:00.123000+00:00"),
        ("1780394400", None, "2026-06-02T10:00:00+00:00"),
    ],
)
def test_times_are_iso_8601_or_unix_seconds_or_milliseconds(
    given_time: Any, zone: str | None, understood: str
) -> None:
    order = parsed(GOOD | {"order_date": given_time}, **({"time_zone": zone} if zone else {}))
    assert order.placed_at == datetime.fromisoformat(understood)


@pytest.mark.parametrize("wrong", ["2026-06-02T10:00:00", "yesterday", True, [1], "2026-13-01", 10**30])
def test_a_time_without_a_zone_and_what_is_no_time_is_a_bad_order(wrong: Any) -> None:
    order = parsed(GOOD | {"order_date": wrong})
    assert order.placed_at is None
    assert order.lacks["order_date"].startswith("placed_at: ")
    reason = judged(adapter(), exact(GOOD | {"order_date": wrong})).reason
    assert reason.startswith("order_date: placed_at: ")


@pytest.mark.parametrize("late", [False, True])
def test_a_time_that_only_the_mapping_knows_counts_as_the_change_too(late: bool) -> None:
    at = NOW - (timedelta(days=3) if late else timedelta(hours=1))
    document = adapter().document(exact(GOOD | {"order_date": None, "bought": at.isoformat()}), NOW)
    own = Mapper(
        MappingSettings.model_validate({"fields": {"order_date": "bought"}}),
        Numbering(store="house", strategy=Strategy.HASH),
    )
    long_ago = NOW - timedelta(days=30)
    facts = msgspec.structs.replace(FACTS, first_seen_at=long_ago, live_from=long_ago)
    bench = Bench(adapter=adapter(), mapper=own, facts=facts, rules=lane_rules(facts))
    version = judge(bench, document, Known(), feed="push", fetched_at=NOW, now=NOW)
    assert (version.state, version.placed_at, version.due_since) == ("waiting", at, at)
    assert version.initial_sync is late


@pytest.mark.parametrize(
    ("currency", "given_amount", "understood"),
    [("EUR", 4790, "47.90"), ("JPY", 4790, "4790"), ("KWD", "4790", "4.790"), ("eur", -5, "-0.05")],
)
def test_minor_amounts_count_the_currencys_smallest_unit(
    currency: str, given_amount: Any, understood: str
) -> None:
    order = parsed(GOOD | {"currency": currency, "total": given_amount}, amounts="minor")
    assert order.total == Decimal(understood)


def test_the_subtotal_is_what_is_stated_or_the_sum_of_the_lines() -> None:
    lines = [{"sku": "A", "quantity": 2, "price": "10.25"}, {"sku": "B", "quantity": 1, "price": 5}]
    assert parsed(GOOD | {"line_items": lines}).subtotal == Decimal("25.50")
    assert parsed(GOOD | {"line_items": lines, "subtotal": 25}).subtotal == 25
    assert parsed(GOOD).subtotal is None


@pytest.mark.parametrize(
    ("stated", "given_consent"),
    [
        *((True, True), ("yes", True), ("FALSE", False), (False, False), (None, None), ("", None)),
        *((1, True), ("1", True), (Decimal("0.0"), False), ("off", False)),
        *(("NULL", None), (r"\N", None), ([], None)),
    ],
)
def test_a_consent_is_what_the_document_states_and_unknown_is_neither(
    stated: Any, given_consent: bool | None
) -> None:
    order = parsed(GOOD | {"accepts_email_marketing": stated})
    assert (order.email_consent.given if order.email_consent else None) == given_consent
    assert order.left_out == ()


@pytest.mark.parametrize("unclear", ["maybe", 2, -1, [1], {"x": 1}, "granted"])
def test_what_states_neither_is_no_consent_and_noted(unclear: Any) -> None:
    order = parsed(GOOD | {"accepts_email_marketing": unclear})
    assert (order.email_consent, order.left_out) == (None, ("email_consent",))
    for decides in ("placed", "test"):  # whether it goes out at all hangs on these
        with pytest.raises(BadOrder, match=f"^{decides}: is neither true nor false"):
            parsed(GOOD | {decides: unclear})


LINE = {"sku": "A", "quantity": 2, "price": "10.00"}
EMPTY: list[Any] = [None, False, "", "  ", [], {}, r"\N"]


@pytest.mark.parametrize("nothing", EMPTY)
def test_what_is_empty_in_anybodys_words_is_absent(nothing: Any) -> None:
    """PHP's, Odoo's and a database's."""
    optional = ["subtotal", "email", "phone", "customer_id", "number", "financial_status", "line_items"]
    optional += ["billing_address", "shipping_address", "discounts", "tax_lines", "accepts_sms_marketing"]
    body = GOOD | dict.fromkeys(optional, nothing)
    order = parsed(body)
    if nothing is False:
        assert order.sms_consent is not None
        order = msgspec.structs.replace(order, sms_consent=None)
    assert order == parsed({name: value for name, value in GOOD.items() if name != "email"})
    inside = GOOD | {
        "line_items": [LINE | dict.fromkeys(["sku", "name", "product_id", "variant_id"], nothing)]
    }
    assert parsed(inside).left_out == ()
    assert parsed(GOOD | {"shipping_address": {"city": nothing, "phone": nothing}}).left_out == ()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"shipping_address": "1 Main St"}, "shipping_address"),
        ({"shipping_address": {"city": ["x"]}}, "shipping_address.city"),
        ({"billing_address": [{"city": "x"}]}, "billing_address"),
        ({"phone": {"n": 1}}, "phone"),
        ({"phone": True}, "phone"),
        ({"customer_id": "8.2E+17"}, "customer_id"),
        ({"customer_id": True}, "customer_id"),
        ({"subtotal": "much"}, "subtotal"),
        ({"subtotal": Decimal("1e900000000")}, "subtotal"),
        ({"financial_status": ["paid"]}, "financial_status"),
        ({"number": {"x": 1}}, "number"),
        ({"line_items": "A"}, "line_items"),
        ({"line_items": {"sku": "A"}}, "line_items"),
        ({"line_items": [LINE, "B"]}, "line_items[]"),
        ({"line_items": [LINE, LINE | {"quantity": "many"}]}, "line_items[].quantity"),
        ({"line_items": [LINE, LINE | {"quantity": None}]}, "line_items[].quantity"),
        ({"line_items": [LINE, LINE | {"price": None}]}, "line_items[].price"),
        ({"line_items": [LINE | {"name": ["x"]}]}, "line_items[].name"),
        ({"discounts": [{"code": "X"}]}, "discounts[].amount"),
        ({"discounts": [{"code": ["X"], "amount": 1}]}, "discounts[]"),
        ({"discounts": "X"}, "discounts"),
        ({"tax_lines": [{"title": "VAT", "amount": "NaN"}]}, "tax_lines[].amount"),
    ],
)
def test_an_optional_part_that_cannot_be_read_costs_itself_and_is_noted(
    fields: dict[str, Any], place: str
) -> None:
    body = exact(GOOD | fields)
    assert parsed(body).left_out == (place,)
    version = judged(adapter(), body)
    assert version.state == "waiting"
    assert f"part-unreadable:{place}" in version.notes.split()


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ({"quantity": "1.00"}, ("A", 1, "10.00")),
        ({"quantity": Decimal("2.0")}, ("A", 2, "10.00")),
        ({"quantity": "0.5"}, ("A", 1, "5.00")),
        ({"quantity": Decimal("1.25")}, ("A", 1, "12.50")),
        ({"sku": Decimal("123.0")}, ("123", 2, "10.00")),
        ({"sku": 123}, ("123", 2, "10.00")),
        ({"sku": Decimal("1.5")}, ("1.5", 2, "10.00")),
    ],
)
def test_numbers_are_understood_as_they_are_written(line: Any, understood: tuple[str, int, str]) -> None:
    (read,) = parsed(exact(GOOD | {"line_items": [LINE | line]})).line_items
    assert (read.sku, read.quantity, read.price) == (understood[0], understood[1], Decimal(understood[2]))


def test_phps_list_with_a_gap_is_a_list() -> None:
    assert len(parsed(GOOD | {"line_items": {"0": LINE, "2": LINE}}).line_items) == 2


def test_the_subtotal_is_not_the_sum_of_some_of_the_lines() -> None:
    assert parsed(GOOD | {"line_items": [LINE, LINE | {"price": "?"}]}).subtotal is None


def test_privys_own_words_are_known_in_any_case_and_no_others() -> None:
    assert parsed(GOOD | {"financial_status": "Paid"}).financial.value is FinancialStatus.PAID
    unknown = parsed(GOOD | {"financial_status": "Paid in full"}).financial
    assert (unknown.value, unknown.words) == (None, ("Paid in full", "paid in full"))


def test_a_pushed_order_that_states_no_change_counts_as_changed_when_it_was_placed() -> None:
    """So that one that is pushed days later is late, and its buyer is not written to."""
    late = judged(adapter(), exact(GOOD | {"order_date": (NOW - timedelta(hours=20)).isoformat()}))
    assert late.changed_at == NOW
    assert late.due_since == NOW  # before the store was seen nobody could have delivered it
    facts = msgspec.structs.replace(FACTS, first_seen_at=NOW - timedelta(days=9))
    own = adapter()
    bench = Bench(
        adapter=own,
        mapper=Mapper(MappingSettings(), Numbering(store="house", strategy=Strategy.NATIVE)),
        facts=facts,
        rules=lane_rules(facts),
    )
    placed = NOW - timedelta(hours=20)
    document = own.document(exact(GOOD | {"order_date": placed.isoformat()}), NOW)
    version = judge(bench, document, Known(), feed="push", fetched_at=NOW, now=NOW)
    assert version.due_since == placed


def test_the_reference_example_of_standard_webhooks_is_taken_for_five_minutes_and_only_as_it_is() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    then = datetime.fromtimestamp(1614265330, UTC)
    own = adapter()
    for now, secrets in (
        (then, [secret]),
        (then + timedelta(seconds=300), ["whsec_b2xkZXI=", secret]),
        (then - timedelta(seconds=300), [secret.removeprefix("whsec_")]),
    ):
        own.authenticate(WebhookRequest(headers=headers, body=body), secrets, now)
    rotating = {**headers, "webhook-signature": f"v1,b3RoZXI= {headers['webhook-signature']} v2,x"}
    own.authenticate(WebhookRequest(headers=rotating, body=body), [secret], then)
    for wrong, now, secrets in (
        ({}, then + timedelta(seconds=301), [secret]),
        ({}, then - timedelta(seconds=301), [secret]),
        ({}, then, []),
        ({}, then, [""]),
        ({}, then, ["whsec_"]),
        ({"webhook-id": "msg_other"}, then, [secret]),
        ({"webhook-timestamp": "1614265331"}, then, [secret]),
        ({"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"}, then, [secret]),
        ({"webhook-signature": headers["webhook-signature"].removeprefix("v1,")}, then, [secret]),
        ({"webhook-signature": "v1,"}, then, [""]),
        ({"webhook-signature": "v1,\udcff"}, then, [secret]),
    ):
        with pytest.raises(Forged):
            own.authenticate(WebhookRequest(headers={**headers, **wrong}, body=body), secrets, now)


def test_svixs_names_are_taken_and_a_signature_without_an_id_is_no_standard_webhook() -> None:
    secret, body, stamp = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', 1614265330
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    own, then = adapter(), datetime.fromtimestamp(stamp, UTC)
    parts = {"id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": str(stamp), "signature": signature}
    digests = set()
    for family in ("webhook", "svix"):
        headers = {f"{family}-{name}": value for name, value in parts.items()}
        digests.add(own.authenticate(WebhookRequest(headers=headers, body=body), [secret], then))
        for name in parts:
            without = {key: value for key, value in headers.items() if key != f"{family}-{name}"}
            with pytest.raises(Forged):
                own.authenticate(WebhookRequest(headers=without, body=body), [secret], then)
    assert len(digests) == 1
    nameless = new_hmac(b64decode(secret[6:]), b".%d." % stamp + body, sha256).digest()
    headers = {"webhook-timestamp": str(stamp), "webhook-signature": f"v1,{b64encode(nameless).decode()}"}
    with pytest.raises(Forged, match="no webhook-id"):
        own.authenticate(WebhookRequest(headers=headers, body=body), [secret], then)
    mixed = {"svix-id": parts["id"], "svix-timestamp": str(stamp), "webhook-signature": signature}
    with pytest.raises(Forged):
        own.authenticate(WebhookRequest(headers=mixed, body=body), [secret], then)


@pytest.mark.parametrize("far", [Decimal("1e900000000"), Decimal("-1e900000000"), Decimal("1e18")])
def test_a_number_beyond_any_amount_is_refused_by_its_name_wherever_it_stands(far: Decimal) -> None:
    lines = {"sku": "A", "quantity": 1, "price": far}
    for field, place in (("total", "total"), ("order_date", "placed_at")):
        reason = judged(adapter(), exact(GOOD) | {field: far}).reason
        assert reason.startswith(f"{field}: {'is' if place == field else place}")
    for chosen in ({"changed_at": "at"}, {"version": "at"}):
        assert judged(adapter(**chosen), GOOD | {"at": far}).reason.startswith((*chosen, "changed_at"))
    for mapped in ("total", "total_items", "subtotal", "customer_id", "line_items"):
        own = Mapper(
            MappingSettings.model_validate({"fields": {mapped: "far"}}),
            Numbering(store="house", strategy=Strategy.HASH),
        )
        document = adapter().document(GOOD | {"far": far, "line_items": [lines]}, NOW)
        bench = Bench(adapter=adapter(), mapper=own, facts=FACTS, rules=lane_rules(FACTS))
        version = judge(bench, document, Known(), feed="push", fetched_at=NOW, now=NOW)
        assert version.state == "failed"
        assert "internal fault" not in version.reason


@pytest.mark.parametrize("near", [Decimal("1e-900000000"), Decimal("0e900000000"), Decimal("0e-900000000")])
def test_a_number_below_any_coin_is_none(near: Decimal) -> None:
    assert parsed(GOOD | {"subtotal": near}).subtotal == 0
    assert judged(adapter(), GOOD | {"total": near}).state == "waiting"


@pytest.mark.parametrize("field", ["total", "order_date", "placed", "test"])
def test_faults_name_the_place_and_no_value_of_the_document(field: str) -> None:
    reason = judged(adapter(), exact(GOOD | {field: "hush"})).reason
    assert reason.startswith({"order_date": "order_date: placed_at: "}.get(field, f"{field}: "))
    assert "hush" not in reason
