"""The stand-in for a Shopify shop keeps the rules seen on real ones; recordings of those are its measure."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from hmac import digest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, get_named_type

from tests.shops.shopify import Bucket, Shop, serve
from tests.shops.shopify.catalogue import KINDS
from tests.shops.shopify.execution import schema
from tests.shops.shopify.webhooks import ATTEMPTS

SAMPLES = Path(__file__).parents[2] / "cassettes" / "shopify" / "samples" / "graphql"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = """
query Orders($first: Int!, $after: String, $query: String, $lines: Int = 20) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes {
      legacyResourceId name createdAt processedAt updatedAt cancelledAt test sourceName email phone
      currencyCode taxesIncluded customerAcceptsMarketing displayFinancialStatus displayFulfillmentStatus
      currentSubtotalLineItemsQuantity subtotalLineItemsQuantity discountCodes
      totalPriceSet { ...M } currentTotalPriceSet { ...M } subtotalPriceSet { ...M }
      totalDiscountsSet { ...M } totalTaxSet { ...M } totalOutstandingSet { ...M }
      taxLines { title rate priceSet { ...M } }
      customer { legacyResourceId defaultEmailAddress { emailAddress marketingState }
        defaultPhoneNumber { phoneNumber smsMarketingConsent { state } } }
      billingAddress { ...A } shippingAddress { ...A }
      fulfillments(first: 10) { status displayStatus deliveredAt }
      shippingLine { discountAllocations { ...D } }
      lineItems(first: $lines) { pageInfo { hasNextPage endCursor }
        nodes { id sku quantity currentQuantity originalUnitPriceSet { ...M } discountAllocations { ...D } } }
    }
  }
}
fragment M on MoneyBag { shopMoney { amount } }
fragment A on MailingAddress { firstName lastName city provinceCode countryCodeV2 zip phone }
fragment D on DiscountAllocation { allocatedAmountSet { ...M } discountApplication { __typename index
  ... on DiscountCodeApplication { code } ... on ManualDiscountApplication { title } } }
"""
BULK = """{ orders(query: "created_at:>='2026-01-01'", sortKey: CREATED_AT) { edges { node {
  id legacyResourceId totalPriceSet { shopMoney { amount } } customer { legacyResourceId }
  lineItems { edges { node { id sku quantity } } } } } } }"""
RUN = """mutation($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) {
  bulkOperation { id status url } userErrors { field message code } } }"""
LOOK = """query($id: ID!) { bulkOperation(id: $id) {
  status errorCode objectCount rootObjectCount fileSize url partialDataUrl } }"""
SUBSCRIBE = """mutation($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
    webhookSubscription { id topic uri } userErrors { field message } } }"""


class Client:
    """Calls the API as an app does."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, headers={"X-Shopify-Access-Token": "shpat_test"})
        self.url = url

    def post(self, document: str, /, version: str = "2026-10", **variables: Any) -> httpx.Response:
        body = {"query": document, "variables": variables}
        return self.http.post(f"/admin/api/{version}/graphql.json", json=body)

    def __call__(self, document: str, /, **variables: Any) -> dict[str, Any]:
        answer = self.post(document, **variables)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def data(self, document: str, /, **variables: Any) -> dict[str, Any]:
        body = self(document, **variables)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    def cost(self, document: str, /, **variables: Any) -> int:
        requested: int = self(document, **variables)["extensions"]["cost"]["requestedQueryCost"]
        return requested

    def ids(self, query: str = "", **variables: Any) -> list[int]:
        """The ids of all pages of a list by change time."""
        found: list[int] = []
        after: dict[str, str] = {}
        while True:
            page = self.data(PAGE, **{"first": 3, "query": query, **variables, **after})["orders"]
            found += [int(node["legacyResourceId"]) for node in page["nodes"]]
            after = {"after": page["pageInfo"]["endCursor"]}
            if not page["pageInfo"]["hasNextPage"]:
                return found

    def bulk(self, query: str = BULK, looks: int = 2) -> dict[str, Any]:
        """A bulk operation as it is seen after so many looks."""
        started = self.data(RUN, query=query)["bulkOperationRunQuery"]
        assert not started["userErrors"], started
        for _ in range(looks):
            operation: dict[str, Any] = self.data(LOOK, id=started["bulkOperation"]["id"])["bulkOperation"]
        return operation


@pytest.fixture
def shop() -> Shop:
    """A shop with points enough, its clock at noon."""
    shop = Shop(bucket=Bucket(1_000_000, 100_000))
    shop.clock.set(NOON)
    return shop


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    with serve(shop) as url:
        client = Client(url)
        with client.http:
            yield client
    assert not shop.mistakes


# Access


def test_a_token_is_granted_for_a_day_and_the_older_kind_lives_on(shop: Shop, client: Client) -> None:
    form = {"grant_type": "client_credentials", "client_id": "client_test", "client_secret": "shpss_test"}
    granted = client.http.post("/admin/oauth/access_token", data=form).json()
    assert granted["expires_in"] == 86_399
    assert set(granted["scope"].split(",")) == shop.scopes
    client.http.headers["X-Shopify-Access-Token"] = granted["access_token"]
    assert client.data("{ shop { name } }")
    shop.clock.advance(86_400)
    dead = client.post("{ shop { name } }")
    assert (dead.status_code, "Invalid API key or access token" in dead.text) == (401, True)
    client.http.headers["X-Shopify-Access-Token"] = "shpat_test"
    assert client.data("{ shop { name } }")
    shop.expire_tokens()
    assert client.post("{ shop { name } }").status_code == 401


@pytest.mark.parametrize(
    "reason", ["shop_not_permitted", "app_not_installed", "application_cannot_be_found", "invalid_client"]
)
def test_a_grant_is_refused_with_its_reason_in_a_page(shop: Shop, client: Client, reason: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": "client_test", "client_secret": "shpss_test"}
    if reason == "application_cannot_be_found":
        form["client_id"] = "another"
    elif reason == "invalid_client":
        form["client_secret"] = "another"
    else:
        shop.grant_failure = reason
    refused = client.http.post("/admin/oauth/access_token", data=form)
    assert refused.status_code == 400
    assert f"Oauth error {reason}:" in refused.text


def test_a_retired_version_falls_forward_and_a_future_one_is_not_there(client: Client) -> None:
    served = {
        version: client.post("{ shop { name } }", version).headers["x-shopify-api-version"]
        for version in ("2026-10", "2026-04", "2025-01")
    }
    assert served == {"2026-10": "2026-10", "2026-04": "2026-04", "2025-01": "2026-01"}
    assert client.post("{ shop { name } }", "2027-01").status_code == 404


def test_a_missing_scope_fails_its_field_and_says_which_it_is(shop: Shop, client: Client) -> None:
    id = shop.add()
    shop.scopes -= {"read_customers"}
    body = client(
        "query($id: ID!) { order(id: $id) { name customer { id } } }", id=f"gid://shopify/Order/{id}"
    )
    assert body["data"]["order"] == {"name": "#1001", "customer": None}
    recorded = json.loads((SAMPLES / "access-denied.json").read_text())["errors"][0]
    (error,) = body["errors"]
    assert error["path"] == ["order", "customer"]
    assert set(error) == set(recorded)
    assert set(error["extensions"]) == set(recorded["extensions"])
    assert error["extensions"]["requiredAccess"] == "`read_customers` access scope."
    shop.scopes.clear()
    denied = client("{ orders(first: 1) { nodes { id } } }")
    assert denied["data"] is None  # the connection may not be null
    assert denied["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_without_the_scope_for_all_orders_two_months_are_seen_and_nothing_tells(
    shop: Shop, client: Client
) -> None:
    old = shop.add(placed_at=(NOON - timedelta(days=61)).isoformat())
    young = shop.add(placed_at=(NOON - timedelta(days=59)).isoformat())
    assert client.ids() == [old, young]
    shop.scopes -= {"read_all_orders"}
    assert client.ids() == [young]
    assert client.data("{ ordersCount { count } }")["ordersCount"]["count"] == 1
    one = "query($id: ID!) { order(id: $id) { id } }"
    assert client.data(one, id=f"gid://shopify/Order/{old}") == {"order": None}
    assert client.bulk()["rootObjectCount"] == "1"
    scopes = client.data("{ currentAppInstallation { accessScopes { handle } } }")
    handles = {scope["handle"] for scope in scopes["currentAppInstallation"]["accessScopes"]}
    assert handles == shop.scopes


def test_masked_data_is_null_beside_errors_and_the_rest_is_there(shop: Shop, client: Client) -> None:
    shop.masked = True
    shop.add()
    body = client(PAGE, first=1)
    (order,) = body["data"]["orders"]["nodes"]
    assert (order["email"], order["phone"]) == (None, None)
    assert order["shippingAddress"] == {
        **dict.fromkeys(("firstName", "lastName", "zip", "phone")),
        "city": "New York",
        "provinceCode": "NY",
        "countryCodeV2": "US",
    }
    # The address of an e-mail cannot be null, so its consent goes with it.
    assert order["customer"]["defaultEmailAddress"] is None
    assert order["totalPriceSet"]["shopMoney"]["amount"]
    recorded = json.loads((SAMPLES / "protected-customer-data-partial-error.json").read_text())["errors"][0]
    for error in body["errors"]:
        assert error["message"].startswith(recorded["message"][:30])
        assert set(recorded) <= set(error)


# Queries, points, throttling


def test_what_the_schema_does_not_know_is_refused_without_data(client: Client) -> None:
    body = client("{ orders(first: 1) { nodes { fulfillmentState } } }")
    assert set(body) == {"errors"}
    assert body["errors"][0]["message"] == "Field 'fulfillmentState' doesn't exist on type 'Order'"
    assert body["errors"][0]["extensions"]["code"] == "undefinedField"
    assert client("{ orders(first: 1) { nodes { id } }")["errors"][0]["extensions"]["code"] == "parseError"
    assert "errors" in client("query($first: Int!) { orders(first: $first) { nodes { id } } }", first="many")
    assert "data" not in client("query($first: Int!) { orders(first: $first) { nodes { id } } }")
    assert (
        client("{ orders { nodes { id } } }")["errors"][0]["message"]
        == "you must provide one of first or last"
    )
    assert "errors" in client("{ orders(first: 251) { nodes { id } } }")


@pytest.mark.parametrize(
    ("first", "points"), [(1, 3), (5, 5), (10, 6), (20, 7), (50, 9), (100, 11), (250, 13)]
)
def test_a_connection_costs_what_was_measured(client: Client, first: int, points: int) -> None:
    query = "query($first: Int!) { orders(first: $first) { pageInfo { hasNextPage } nodes { id name } } }"
    assert client.cost(query, first=first) == points


@pytest.mark.parametrize(("first", "points"), [(10, 350), (50, 600), (250, 830)])
def test_a_page_of_whole_orders_costs_about_what_is_expected(client: Client, first: int, points: int) -> None:
    assert abs(client.cost(PAGE, first=first) - points) < points / 10


def test_a_query_over_a_thousand_points_is_refused_before_it_runs(shop: Shop, client: Client) -> None:
    before = shop.bucket.status()["currentlyAvailable"]
    body = client(PAGE, first=250, lines=100)
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert error["message"].startswith(
        f"Query cost is {error['extensions']['cost']}, which exceeds the single"
    )
    assert "data" not in body
    assert shop.bucket.status()["currentlyAvailable"] == before


def test_an_empty_bucket_throttles_and_fills_with_time(shop: Shop, client: Client) -> None:
    seconds = [0.0]
    shop.bucket = Bucket(clock=lambda: seconds[0])
    shop.seed(50)
    asked = [client(PAGE, first=50) for _ in range(4)]
    recorded = json.loads((SAMPLES / "throttled.json").read_text())
    throttled = asked[-1]
    assert throttled["errors"] == recorded["errors"]
    assert set(throttled) == set(recorded)
    assert set(throttled["extensions"]["cost"]) == set(recorded["extensions"]["cost"])
    assert throttled["extensions"]["cost"]["actualQueryCost"] is None
    status = throttled["extensions"]["cost"]["throttleStatus"]
    assert (status["maximumAvailable"], status["restoreRate"]) == (2000, 100)
    missing = throttled["extensions"]["cost"]["requestedQueryCost"] - status["currentlyAvailable"]
    seconds[0] += missing / 100 + 0.1
    assert "data" in client(PAGE, first=50)


def test_what_was_asked_for_and_not_found_is_given_back(shop: Shop, client: Client) -> None:
    shop.add()
    cost = client(PAGE, first=50)["extensions"]["cost"]
    assert cost["actualQueryCost"] < cost["requestedQueryCost"] / 2
    spent = cost["throttleStatus"]["maximumAvailable"] - cost["throttleStatus"]["currentlyAvailable"]
    assert spent <= cost["actualQueryCost"]


# Lists


def test_times_bound_a_list_and_are_shown_in_whole_seconds(shop: Shop, client: Client) -> None:
    ids = shop.seed(5, until=(NOON + timedelta(microseconds=500_000)).isoformat())
    assert client.ids("updated_at:>='2026-11-20T11:58:00Z'") == ids[2:]
    assert client.ids("updated_at:>='2026-11-20T11:58:00Z' updated_at:<'2026-11-20T12:00:00Z'") == ids[2:4]
    assert (
        client.ids("created_at:>'2026-11-20T13:58:00+02:00' AND test:false") == ids[2:]
    )  # > is as good as >=
    assert client.ids(f"id:{ids[1]}") == [ids[1]]
    assert client.ids("-financial_status:paid") == []
    (last,) = client.data(PAGE, first=1, query=f"id:{ids[4]}")["orders"]["nodes"]
    assert last["updatedAt"] == "2026-11-20T12:00:00Z"


@pytest.mark.parametrize(
    "query", ["updated:>='2026-11-20T11:58:00Z'", "updated_at:>=2026-11-20T11:58:00Z", "status:any"]
)
def test_a_filter_that_cannot_be_read_is_left_out_and_only_a_warning_tells(
    shop: Shop, client: Client, query: str
) -> None:
    ids = shop.seed(5)
    body = client(PAGE, first=50, query=query)
    assert [int(node["legacyResourceId"]) for node in body["data"]["orders"]["nodes"]] == ids
    recorded = json.loads((SAMPLES / "search-warning-invalid-field.json").read_text())["extensions"]["search"]
    (told,) = body["extensions"]["search"]
    assert set(told) == set(recorded[0])
    assert set(told["warnings"][0]) == set(recorded[0]["warnings"][0])
    if query.startswith("updated:"):
        assert told["warnings"][0]["code"] == "invalid_field"


def test_an_order_that_changes_while_a_list_is_read_comes_again_and_none_is_lost(
    shop: Shop, client: Client
) -> None:
    ids = shop.seed(6)
    shop.clock.advance(60)
    page = client.data(PAGE, first=3)["orders"]
    shop.touch(ids[1])
    shop.touch(ids[4])
    found = client.ids(after=page["pageInfo"]["endCursor"])
    assert found == [ids[3], ids[5], ids[1], ids[4]]
    cursor = json.loads(b64decode(page["pageInfo"]["endCursor"]))
    assert set(cursor) == {"last_id", "last_value"}
    assert datetime.strptime(cursor["last_value"] + "+0000", "%Y-%m-%d %H:%M:%S.%f%z")


def test_lists_know_of_a_change_later_than_the_order_itself(shop: Shop, client: Client) -> None:
    (id,) = shop.seed(1)
    shop.index_lag = 30
    shop.clock.advance(60)
    shop.touch(id)
    late = shop.add()
    assert client.ids("updated_at:>='2026-11-20T12:01:00Z'") == []
    one = "query($id: ID!) { order(id: $id) { updatedAt } }"
    for known in (id, late):
        answer = client.data(one, id=f"gid://shopify/Order/{known}")
        assert answer == {"order": {"updatedAt": "2026-11-20T12:01:00Z"}}
    shop.clock.advance(30)
    assert client.ids("updated_at:>='2026-11-20T12:01:00Z'") == [id, late]


def test_paging_ends_at_a_depth_as_if_there_were_no_more(shop: Shop, client: Client) -> None:
    ids = shop.seed(9)
    assert shop.deepest == 25_000
    shop.deepest = 5
    assert client.ids() == ids[:5]
    assert client.data("{ ordersCount(limit: 5) { count precision } }")["ordersCount"] == {
        "count": 5,
        "precision": "AT_LEAST",
    }
    assert client.data("{ ordersCount(limit: null) { count } }")["ordersCount"]["count"] == 9


def test_more_lines_than_asked_for_are_paged(shop: Shop, client: Client) -> None:
    shop.add("long")
    (order,) = client.data(PAGE, first=1)["orders"]["nodes"]
    assert len(order["lineItems"]["nodes"]) == 20
    more = """query($id: ID!, $after: String) { order(id: $id) { lineItems(first: 250, after: $after) {
      pageInfo { hasNextPage } nodes { id } } } }"""
    rest = client.data(
        more,
        id=f"gid://shopify/Order/{order['legacyResourceId']}",
        after=order["lineItems"]["pageInfo"]["endCursor"],
    )["order"]["lineItems"]
    assert rest["pageInfo"]["hasNextPage"] is False
    ids = [line["id"] for line in order["lineItems"]["nodes"] + rest["nodes"]]
    assert len(ids) == len(set(ids)) == 45


def test_a_deleted_order_is_gone_from_everywhere(shop: Shop, client: Client) -> None:
    id = shop.add()
    shop.delete(id)
    assert client.ids() == []
    one = "query($id: ID!) { order(id: $id) { id } }"
    assert client.data(one, id=f"gid://shopify/Order/{id}") == {"order": None}
    assert client(one, id="1")["errors"][0]["message"] == "Invalid global id '1'"


# Orders


def amount(bag: dict[str, Any]) -> Decimal:
    """Of a MoneyBag, in the shop's currency."""
    return Decimal(bag["shopMoney"]["amount"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_sums_of_every_kind_of_order_agree(shop: Shop, kind: str) -> None:
    for document in (shop.order(shop.add(kind)) for _ in range(5)):
        lines = document["lineItems"]
        gross = sum(amount(line["originalUnitPriceSet"]) * line["quantity"] for line in lines)
        shipping = document["shippingLine"]
        allocations = [one for row in [*lines, shipping or {}] for one in row.get("discountAllocations", ())]
        off = sum(amount(one["allocatedAmountSet"]) for one in allocations)
        assert off == amount(document["totalDiscountsSet"])
        assert all(Decimal(one["allocatedAmountSet"]["shopMoney"]["amount"]) >= 0 for one in allocations)
        carried = amount(shipping["originalPriceSet"]) if shipping else Decimal(0)
        taxed = [*document["taxLines"], *(shipping or {}).get("taxLines", ())]
        taxes = sum(amount(tax["priceSet"]) for tax in taxed)
        added = Decimal(0) if document["taxesIncluded"] else amount(document["totalTaxSet"])
        assert abs(taxes - amount(document["totalTaxSet"])) <= Decimal("0.02")
        assert amount(document["totalPriceSet"]) == gross - off + carried + added


def test_changes_of_an_order_show_in_its_statuses_and_sums(shop: Shop) -> None:
    def state(id: int) -> tuple[str | None, str]:
        document = shop.order(id)
        return document["displayFinancialStatus"], document["displayFulfillmentStatus"]

    bank = shop.add("transfer")
    assert state(bank) == ("PENDING", "UNFULFILLED")
    shop.pay(bank)
    assert state(bank) == ("PAID", "UNFULFILLED")
    assert state(shop.add("unpaid")) == (None, "UNFULFILLED")
    held = shop.add("authorized")
    assert state(held) == ("AUTHORIZED", "UNFULFILLED")
    shop.cancel(held)
    assert state(held) == ("VOIDED", "UNFULFILLED")
    assert state(shop.add("pos")) == ("PAID", "FULFILLMENT_NOT_REQUIRED")

    parted = shop.add("automatic")
    shop.fulfil(parted, lines=1)
    assert state(parted) == ("PAID", "PARTIALLY_FULFILLED")
    shop.fulfil(parted)
    assert state(parted) == ("PAID", "FULFILLED")
    shop.refund(parted, "1.00")
    assert state(parted) == ("PARTIALLY_REFUNDED", "FULFILLED")

    gone = shop.add("card")
    total = shop.order(gone)["totalPriceSet"]
    shop.cancel(gone)
    assert state(gone) == ("REFUNDED", "UNFULFILLED")
    assert shop.order(gone)["currentTotalPriceSet"]["shopMoney"]["amount"] == "0.0"
    assert shop.order(gone)["totalPriceSet"] == total

    edited = shop.add("automatic")
    before = shop.order(edited)
    shop.edit(edited, remove=1, title="Gift", price="5.00")
    after = shop.order(edited)
    assert after["lineItems"][0]["quantity"] == before["lineItems"][0]["quantity"]
    assert after["lineItems"][0]["currentQuantity"] == before["lineItems"][0]["quantity"] - 1
    assert after["subtotalLineItemsQuantity"] == before["subtotalLineItemsQuantity"]
    assert after["totalPriceSet"] != before["totalPriceSet"]


def test_a_delivery_moves_the_change_time_only_where_that_is_switched_on(shop: Shop) -> None:
    id = shop.add()
    shop.fulfil(id)
    before = shop.order(id)["updatedAt"]
    shop.clock.advance(60)
    shop.carrier(id)
    assert shop.order(id)["fulfillments"][0]["displayStatus"] == "DELIVERED"
    assert shop.order(id)["updatedAt"] == before
    shop.carrier_moves_updated_at = True
    shop.carrier(id)
    assert shop.order(id)["updatedAt"] > before


NOT_HERE = {"cancellation", "fulfillmentOrders", "events", "service", "location", "originAddress", "closedBy",
            "fulfillmentLineItems", "additionalFees", "appliedDiscounts", "transactions", "url", "capturable",
            "totalCapturableSet", "billingAddressMatchesShippingAddress", "purchasingEntity"}  # fmt: skip


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(SAMPLES.glob("order*.json")) if path.stem != "order-b2b-from-draft"]
)
def test_documents_have_the_shape_of_recorded_ones(shop: Shop, client: Client, name: str) -> None:
    data = json.loads((SAMPLES / f"{name}.json").read_text())["data"]
    recorded = data.get("order") or data["orders"]["edges"][0]["node"]
    id = shop.add("code")
    shop.fulfil(id, tracking="1Z999")
    shop.refund(id, "1.00")
    kind = schema().type_map["Order"]
    assert isinstance(kind, GraphQLObjectType)
    query = f"query($id: ID!) {{ order(id: $id) {_selection(recorded, kind)} }}"
    answered = client.data(query, id=f"gid://shopify/Order/{id}")["order"]
    _alike(answered, recorded, name)


def _selection(value: dict[str, Any], kind: GraphQLObjectType) -> str:
    """A selection that asks for what a recorded object holds."""
    fields = []
    for name, part in value.items():
        if name in NOT_HERE:
            continue
        inner = get_named_type(kind.fields[name].type)
        arguments = "(first: 5)" if inner.name.endswith("Connection") else ""
        row = part[0] if isinstance(part, list) and part else part
        below = _selection(row or {}, inner) if isinstance(inner, GraphQLObjectType) else ""
        fields.append(f"{name}{arguments} {below}")
    return f"{{ {' '.join(fields) or '__typename'} }}"


def _alike(answered: Any, recorded: Any, place: str) -> None:
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for name, part in recorded.items():
            if name in answered:
                _alike(answered[name], part, f"{place}.{name}")
    elif isinstance(recorded, list) and isinstance(answered, list):
        for part in answered[:1]:
            _alike(part, recorded[0], f"{place}[]") if recorded else None
    elif recorded is not None and answered is not None:
        number = isinstance(recorded, int | float) and isinstance(answered, int | float)
        assert number or type(answered) is type(recorded), f"{place}: {answered!r} is not like {recorded!r}"
        if isinstance(recorded, str) and recorded[:3] in ("gid", "202"):
            assert answered[:3] == recorded[:3]


# Bulk operations

REFUSED = {
    "via 'nodes'": "{ orders { nodes { id } } }",
    "top level": '{ node(id: "gid://shopify/Order/1") { id } }',
    "at least one connection": '{ node(id: "gid://shopify/Order/1") { id } }',
    "depth": """{ orders { edges { node { id customer { id orders { edges { node { id
        lineItems { edges { node { id } } } } } } } } } } }""",
    "more than 5": "{" + "".join(f" o{n}: orders {{ edges {{ node {{ id }} }} }}" for n in range(6)) + "}",
    "'id' field": "{ orders { edges { node { name lineItems { edges { node { id } } } } } } }",
    "operation type": 'mutation { bulkOperationCancel(id: "1") { userErrors { field } } }',
    "list field": "{ orders { edges { node { id fulfillments { events { edges { node { id } } } } } } } }",
}


def test_every_recorded_refusal_of_a_bulk_query_is_given_in_the_same_words(
    shop: Shop, client: Client
) -> None:
    recorded = [
        error["message"]
        for case in json.loads((SAMPLES / "bulk-run-query-user-errors.json").read_text())
        for error in case["userErrors"]
        if error["code"] == "INVALID"
    ]
    assert len(set(recorded)) == 9
    for message in recorded:
        ((_, query),) = [(word, query) for word, query in REFUSED.items() if word in message][:1]
        answer = client.data(RUN, query=query)["bulkOperationRunQuery"]
        assert answer["bulkOperation"] is None
        said = [error["message"] for error in answer["userErrors"]]
        assert message.replace("products", "orders") in said, (message, said)
        assert {error["code"] for error in answer["userErrors"]} == {"INVALID"}
    by_application = "{ orders { edges { node { id discountApplications { edges { node { index } } } } } } }"
    assert client.data(RUN, query=by_application)["bulkOperationRunQuery"]["userErrors"]


def test_the_sixth_operation_is_refused_with_the_names_of_those_that_run(shop: Shop, client: Client) -> None:
    shop.bulk.held = True
    names = [client.data(RUN, query=BULK)["bulkOperationRunQuery"]["bulkOperation"]["id"] for _ in range(5)]
    (error,) = client.data(RUN, query=BULK)["bulkOperationRunQuery"]["userErrors"]
    recorded = json.loads((SAMPLES / "bulk-run-query-user-errors.json").read_text())[-1]["userErrors"][0]
    assert error["code"] == recorded["code"] == "OPERATION_IN_PROGRESS"
    assert error["field"] is recorded["field"] is None
    assert error["message"].split(":")[0] == recorded["message"].split(":")[0]
    assert all(name in error["message"] for name in names)
    listed = client.data('{ bulkOperations(first: 9, query: "status:created") { nodes { id } } }')
    assert [one["id"] for one in listed["bulkOperations"]["nodes"]] == names[::-1]
    shop.bulk.held = False
    shop.bulk.finish()
    assert client.bulk()["status"] == "COMPLETED"


def test_a_bulk_result_is_fetched_without_a_token_and_children_follow_somewhere(
    shop: Shop, client: Client
) -> None:
    ids = shop.seed(60, kinds=["automatic", "card"])
    assert client.bulk(looks=1)["status"] == "RUNNING"
    done = client.bulk()
    assert (done["status"], done["errorCode"], done["rootObjectCount"]) == ("COMPLETED", None, "60")
    file = httpx.get(done["url"])
    assert str(len(file.content)) == done["fileSize"]
    rows = [json.loads(line) for line in file.text.splitlines()]
    assert str(len(rows)) == done["objectCount"]
    parents = [row for row in rows if "__parentId" not in row]
    assert [int(row["legacyResourceId"]) for row in parents] == ids
    assert "lineItems" not in parents[0]
    for id in ids:
        mine = [row["id"] for row in rows if row.get("__parentId") == f"gid://shopify/Order/{id}"]
        assert mine == [line["id"] for line in shop.order(id)["lineItems"]]
    assert rows[1].get("__parentId") is None  # no child beside its parent
    rest = httpx.get(done["url"], headers={"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, file.content[100:])


def test_nothing_found_is_no_file_at_all(client: Client) -> None:
    done = client.bulk()
    assert (done["status"], done["url"], done["objectCount"]) == ("COMPLETED", None, "0")


def test_operations_end_badly_as_scripted(shop: Shop, client: Client) -> None:
    shop.seed(20)
    shop.bulk.script("FAILED", "INTERNAL_SERVER_ERROR", partial=True)
    shop.bulk.script("FAILED", "TIMEOUT")
    shop.bulk.script("CANCELED")
    shop.bulk.script("EXPIRED")
    failed, timeout, canceled, expired = (client.bulk() for _ in range(4))
    assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    part = httpx.get(failed["partialDataUrl"]).text.splitlines()
    assert 0 < len(part) < 20 * 4
    assert (timeout["errorCode"], timeout["partialDataUrl"]) == ("TIMEOUT", None)
    assert (canceled["status"], expired["status"]) == ("CANCELED", "EXPIRED")
    by_another_time = BULK.replace("sortKey: CREATED_AT", "sortKey: UPDATED_AT")
    assert client.bulk(by_another_time)["errorCode"] == "TIMEOUT"
    good = client.bulk()
    shop.bulk.expire()
    assert httpx.get(good["url"]).status_code == 400
    shop.scopes -= {"read_customers"}
    assert client.bulk()["errorCode"] == "ACCESS_DENIED"


# Webhooks


class Receiver:
    """Takes deliveries on loopback; ``answer`` is the status that they get."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answer = 200
        self.arrived = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.answer)
                self.end_headers()
                outer.arrived.set()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits, from delivery to delivery."""
        for _ in range(1000):
            if condition():
                return
            self.arrived.wait(0.05)
            self.arrived.clear()
        raise AssertionError("not so within 50 s")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def test_a_change_is_delivered_signed_to_each_subscriber(
    shop: Shop, client: Client, receiver: Receiver
) -> None:
    for topic in ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_DELETE", "FULFILLMENT_EVENTS_CREATE"):
        made = client.data(SUBSCRIBE, topic=topic, uri=receiver.url)["webhookSubscriptionCreate"]
        assert made["webhookSubscription"]["topic"] == topic
    id = shop.add()
    shop.fulfil(id)
    shop.carrier(id)
    shop.delete(id)
    receiver.until(lambda: len(receiver.got) == 4)
    topics = [headers["x-shopify-topic"] for headers, _ in receiver.got]
    assert topics == ["orders/create", "orders/updated", "fulfillment_events/create", "orders/delete"]
    for headers, body in receiver.got:
        expected = b64encode(digest(b"shpss_test", body, sha256)).decode()
        assert headers["x-shopify-hmac-sha256"] == expected
        assert headers["x-shopify-shop-domain"] == shop.domain
        assert json.loads(body).get("order_id", json.loads(body)["id"]) == id
    assert len({headers["x-shopify-webhook-id"] for headers, _ in receiver.got}) == 4
    assert json.loads(receiver.got[3][1]) == {"id": id}


def test_a_subscription_is_refused_twice_and_without_its_scope(shop: Shop, client: Client) -> None:
    def problem(topic: str, uri: str = "https://privy.example/hook") -> str:
        made = client.data(SUBSCRIBE, topic=topic, uri=uri)["webhookSubscriptionCreate"]
        return made["userErrors"][0]["message"] if made["userErrors"] else ""

    assert problem("ORDERS_CREATE") == ""
    assert problem("ORDERS_CREATE") == "Address for this topic has already been taken"
    assert problem("ORDERS_CREATE", "http://privy.example/hook") == "Address protocol is not supported"
    shop.scopes -= {"read_fulfillments"}
    assert problem("FULFILLMENTS_UPDATE").startswith("You cannot create a webhook subscription")
    listed = "{ webhookSubscriptions(first: 5) { nodes { id uri topic } } }"
    (one,) = client.data(listed)["webhookSubscriptions"]["nodes"]
    delete = """mutation($id: ID!) { webhookSubscriptionDelete(id: $id) {
      deletedWebhookSubscriptionId userErrors { message } } }"""
    assert client.data(delete, id=one["id"])["webhookSubscriptionDelete"]["userErrors"] == []
    assert client.data(delete, id=one["id"])["webhookSubscriptionDelete"]["userErrors"]
    assert client.data(listed)["webhookSubscriptions"]["nodes"] == []


def test_after_eight_failures_in_a_row_a_subscription_is_deleted(
    shop: Shop, client: Client, receiver: Receiver
) -> None:
    shop.webhooks.retry_seconds = 0.0
    receiver.answer = 302  # not followed, and no success
    client.data(SUBSCRIBE, topic="ORDERS_CREATE", uri=receiver.url)
    shop.add()
    receiver.until(lambda: not shop.webhooks.subscriptions)
    assert len(receiver.got) == ATTEMPTS == 8
    assert len({headers["x-shopify-webhook-id"] for headers, _ in receiver.got}) == 1


def test_privacy_messages_go_where_the_app_says(shop: Shop, receiver: Receiver) -> None:
    id = shop.add()
    with serve(shop):
        shop.webhooks.compliance_uri = receiver.url
        shop.redact("customers/redact", id)
        receiver.until(lambda: receiver.got)
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert headers["x-shopify-topic"] == "customers/redact"
    assert told["orders_to_redact"] == [id]
    assert told["customer"]["email"] == shop.order(id)["email"]


def test_it_runs_as_a_process_and_is_told_what_to_do_over_http() -> None:
    command = [sys.executable, "-m", "tests.shops.shopify", "--orders", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            added = httpx.post(f"{url}/control/add", json={"kind": "pos"}).json()["result"]
            assert httpx.post(f"{url}/control/delete", json={"id": 1}).status_code == 400
            assert httpx.get(f"{url}/control/").json() == {"orders": 4, "requests": 0, "mistakes": []}
            order = httpx.post(f"{url}/control/order", json={"id": added}).json()["result"]
            assert order["sourceName"] == "pos"
            assert httpx.post(f"{url}/control/nothing").status_code == 404
        finally:
            process.terminate()
