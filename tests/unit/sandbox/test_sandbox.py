"""The sandbox takes and refuses bodies as Privy's orders reference says: seen through real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.sandbox.rules import RULES
from tests.privy_client import ERASED, ORDER, Client, client, refused


@pytest.fixture(scope="module")
async def unlimited() -> AsyncIterator[Client]:
    async with client(per_minute=None, per_day=None) as running:
        yield running


@pytest.fixture
def privy(unlimited: Client) -> Client:
    """A sandbox without limits that knows nothing yet."""
    unlimited.privy.sandbox.reset()
    return unlimited


# The call: required fields, types, enums


async def test_a_new_order_answers_201_and_the_same_again_200(privy: Client) -> None:
    assert (await privy.place()).status_code == 201
    assert (await privy.place()).status_code == 200


async def test_the_echo_is_normalised_and_leaves_out_empty_values(privy: Client) -> None:
    answer = await privy.place(
        order_id="0042", total=1234.5, email=" Ann@Shop.example ", customer_id="", total_items=0,
        accepts_email_marketing=False,
    )  # fmt: skip
    data = answer.json()["data"]
    assert data.pop("created_at") == data.pop("updated_at")
    assert data == {
        "order_id": 42,
        "source": "api",
        "email": "ann@shop.example",
        "total_amount": "1234.50",
        "currency_code": "USD",
        "placed_at": "2026-05-01T10:00:00Z",
        "total_items": 0,
        "accepts_email_marketing": False,
    }


@pytest.mark.parametrize("field", ["order_id", "total", "currency", "order_date"])
async def test_a_required_field_left_out_is_named(privy: Client, field: str) -> None:
    fields: dict[str, Any] = {field: ERASED}
    assert refused(await privy.place(**fields)) == {field: "is required"}
    assert not privy.privy.ledger.orders


WRONG: list[tuple[str, Any]] = [
    *(("order_id", value) for value in (0, -1, 2**63, 2**80, 1.5, True, "", "12a", "-1", "٣", "9" * 25, [1])),
    *(("total", value) for value in ("95.00", True, None, 10**15, [1])),
    *(("currency", value) for value in ("usd", "EURO", "ZZZ", "", 840)),
    ("order_date", "2026-05-01T10:00:00+00:00"),
    ("order_date", "2026-05-01T10:00:00"),
    ("order_date", "2026-05-01"),
    ("order_date", "2026-02-30T10:00:00Z"),
    ("order_date", "2026-05-01 10:00:00Z"),
    ("order_date", 1777629600),
    ("email", "no address"),
    ("email", 7),
    ("phone", "call me"),
    ("phone", 5125550123),
    ("customer_id", 7),
    ("subtotal", "1"),
    ("discounts", {}),
    ("tax_lines", "none"),
    ("total_items", 1.0),
    ("total_items", "3"),
    ("financial_status", "Paid"),
    ("financial_status", "delivered"),
    ("fulfillment_status", "shipped"),
    ("line_items", {}),
    ("billing_address", []),
    ("shipping_address", "Main St"),
    *((flag, "true") for flag in ("accepts_email_marketing", "accepts_sms_marketing", "initial_sync")),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_a_value_of_the_wrong_kind_is_refused_and_named(privy: Client, field: str, value: Any) -> None:
    assert field in refused(await privy.place(**{field: value}))
    assert not privy.privy.ledger.orders


NESTED: list[tuple[str, Any, str]] = [
    ("discounts", [{"code": "A"}], "discounts[0].amount"),
    ("discounts", [{"code": 5, "amount": 1}], "discounts[0].code"),
    ("tax_lines", [{"title": "VAT", "amount": "1.00"}], "tax_lines[0].amount"),
    ("line_items", [{"sku": "A", "quantity": 1, "price": 1}, "B"], "line_items[1]"),
    ("line_items", [{"sku": "A", "quantity": 1.5, "price": 1}], "line_items[0].quantity"),
    ("line_items", [{"sku": "A", "quantity": 1, "price": None}], "line_items[0].price"),
]


@pytest.mark.parametrize(("field", "value", "place"), NESTED)
async def test_a_wrong_part_of_a_list_is_named_with_its_place(
    privy: Client, field: str, value: Any, place: str
) -> None:
    assert list(refused(await privy.place(**{field: value}))) == [place]


@pytest.mark.parametrize("order_id", [1, 2**63 - 1, "9223372036854775807"])
async def test_order_ids_are_exact_to_the_last_of_64_bits(privy: Client, order_id: int | str) -> None:
    assert (await privy.place(order_id=order_id)).json()["data"]["order_id"] == int(order_id)


@pytest.mark.parametrize("at", ["2026-05-01T10:00Z", "2026-05-01T10:00:00.5Z", "2026-05-01T10:00:00.123456Z"])
async def test_utc_times_of_every_precision_are_taken(privy: Client, at: str) -> None:
    assert (await privy.place(order_date=at)).status_code == 201


async def test_all_faults_of_a_body_are_told_at_once(privy: Client) -> None:
    answer = await privy.http.post(
        "/v1/orders/placed", json={}, headers={"Authorization": f"Bearer {privy.privy.token}"}
    )
    assert set(refused(answer)) == {"order_id", "total", "currency", "order_date", "email"}


async def test_an_unknown_field_is_ignored_but_visible(privy: Client) -> None:
    assert (await privy.place(totel=1)).status_code == 201
    assert privy.privy.arrivals[0].ignored == ["totel"]


async def test_what_else_lines_and_addresses_hold_is_kept_verbatim(privy: Client) -> None:
    line = {"sku": "A", "quantity": 1, "price": 9.99, "name": "Crème 🧴", "product_id": 2**70 + 1}
    await privy.place(line_items=[line], shipping_address={"name": "منى", "note": [None, {}]})
    answer = await privy.http.get("/sandbox/orders")
    fields = answer.json()[0]["fields"]
    assert fields["line_items"] == [line]
    assert fields["shipping_address"] == {"name": "منى", "note": [None, {}]}


# What is no order at all


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN", b'{"total": 1e99999999999999999999}']
)
async def test_a_body_that_is_not_json_answers_400(privy: Client, content: bytes) -> None:
    answer = await privy.raw(content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("content", [b"[]", b"null", b"7", b'"order"'])
async def test_json_that_is_not_an_object_is_refused(privy: Client, content: bytes) -> None:
    assert list(refused(await privy.raw(content))) == ["body"]


async def test_other_paths_methods_types_and_sizes_have_their_envelope(privy: Client) -> None:
    answers = {
        "not_found": (404, await privy.http.get("/v1/orders")),
        "method_not_allowed": (405, await privy.http.get("/v1/orders/placed")),
        "unsupported_media_type": (415, await privy.raw(b"{}", Content_Type="text/plain")),
        "payload_too_large": (413, await privy.raw(b" " * (1024 * 1024 + 1))),
    }
    for code, (status, answer) in answers.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answers["method_not_allowed"][1].headers["allow"] == "POST"


@pytest.mark.parametrize(("depth", "status"), [(90, 201), (500, 400), (2000, 400)])
async def test_a_deeply_nested_body_is_kept_or_refused(privy: Client, depth: int, status: int) -> None:
    body = json.dumps({**ORDER, "shipping_address": {"note": 0}}).encode()
    nested = body.replace(b'"note": 0', b'"note": ' + b"[" * depth + b"]" * depth)
    assert (await privy.raw(nested)).status_code == status
    assert (await privy.http.get("/sandbox/orders")).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=5), parts, max_size=4),
    max_leaves=8,
)
LIKELY = st.sampled_from(
    [
        1,
        "1",
        9.5,
        "USD",
        "2026-05-01T10:00:00Z",
        "a@b.example",
        "+15125550123",
        "paid",
        "delivered",
        [],
        {},
        True,
    ]
)
NAMES = (*RULES, "surprise")
BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, LIKELY | JSON)).map(
    lambda fields: json.dumps({**ORDER, **fields}).encode()
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()) | BODIES)
async def test_no_body_makes_the_sandbox_fail(privy: Client, body: bytes) -> None:
    answer = await privy.raw(body)
    assert answer.status_code in (200, 201, 400, 422)
    expected = "data" if answer.is_success else "error"
    assert list(answer.json()) == [expected]
    if answer.is_success:
        assert Decimal(answer.json()["data"]["total_amount"]).as_tuple().exponent == -2
        assert (await privy.http.get("/sandbox/orders?limit=1")).status_code == 200
        assert (await privy.http.get("/")).status_code == 200
