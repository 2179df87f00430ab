"""Every sample order of a real shop against what the references say of it, for each platform that has such.

``cassettes/PLATFORM/expected/NAME.json`` was worked out from the references without the program. It holds
the outcome of ``samples/orders/NAME.json`` in a store ``acme`` in whose mapping nothing is set: ``payload``
with the ``notes`` on what was left out, or ``skip`` with the rule. ``told`` is the outcome of a skipped
order that Privy already has; a draft was never sent, so nothing is said of it.

``expected/webhooks/NAME.json`` is what the delivery ``samples/webhooks/NAME.json`` says: the orders to look
at, what to erase, and whether the operator is told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from adapters.oscar import orders as oscar
from adapters.shopify import documents as shopify
from adapters.woocommerce import orders as woocommerce
from connector.mapping.mapper import Mapped, Mapper, Skipped
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.errors import BadOrder, Forged
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sandbox import rules
from connector.sdk import registry
from connector.sdk.contract import Adapter, WebhookRequest

ROOT = Path(__file__).parents[2]
CASSETTES = ROOT / "cassettes"
EXPECTED = sorted(CASSETTES.glob("*/expected/*.json"))
PLATFORMS = sorted({path.parents[1].name for path in EXPECTED})
ORDERS = [(path.parents[1].name, path.stem) for path in EXPECTED]
DELIVERIES = [
    (path.parents[2].name, path.stem) for path in sorted(CASSETTES.glob("*/expected/webhooks/*.json"))
]
GONE = "(not there)"
TWENTIETH = datetime(2026, 11, 20, 10, tzinfo=UTC)
DRAFTS = ("cart_", "checkout_draft")
LISTS = sorted((CASSETTES / "woocommerce" / "samples" / "lists").glob("*.body.json"))


def by_id(body: dict[str, Any]) -> Document:
    """A document as most platforms give it."""
    return Document(ref=str(body["id"]), changed_at=datetime(2026, 11, 23, tzinfo=UTC), body=body)


READERS: dict[str, Callable[[dict[str, Any]], Document]] = {
    "oscar": lambda body: oscar.whole(body["order"], body["lines"]),
    "shopify": lambda body: shopify.document(body, body["lineItems"]),
    "woocommerce": woocommerce.document,
}


@cache
def adapter(platform: str) -> Adapter[Any, Any]:
    """Of the example of a store, without options; it calls nobody."""
    example = yaml.safe_load((ROOT / "config" / "stores" / f"{platform}.example.yaml").read_text())
    (store,) = example["stores"].values()
    kind = registry.adapter(platform)
    return kind(
        url=store["url"],
        credentials=kind.Credentials.model_validate(store["credentials"]),
        options=kind.Options(),
        http=Http(),
    )


@cache
def mapper(platform: str) -> Mapper:
    """A mapping in which nothing is set."""
    numbers = adapter(platform).traits.ids == "integer"
    return Mapper(
        MappingSettings(),
        Numbering(store="acme", strategy=Strategy.NATIVE if numbers else Strategy.HASH),
    )


def decoded(path: Path) -> Any:
    """The file's JSON, fractions as Decimal."""
    return exact_json.decode(path.read_bytes())


def expected_of(platform: str, name: str) -> dict[str, Any]:
    """What stands in the file of that name."""
    found: dict[str, Any] = decoded(CASSETTES / platform / "expected" / f"{name}.json")
    return found


def sample(platform: str, name: str) -> dict[str, Any]:
    """The order of that name."""
    found: dict[str, Any] = decoded(CASSETTES / platform / "samples" / "orders" / f"{name}.json")
    return found


def outcome(platform: str, body: dict[str, Any], *, told: bool = False) -> dict[str, Any]:
    """What the program makes of a document, in the words of an expectation."""
    document = READERS.get(platform, by_id)(body)
    mapped = mapper(platform).map(adapter(platform).parse(document), document.body, told=told)
    if isinstance(mapped, Skipped):
        return {"skip": mapped.rule}
    payload = exact_json.decode(exact_json.encode(mapped.payload))
    notes = [str(note) for note in mapped.notes]
    return {"payload": payload, "notes": notes} if notes else {"payload": payload}


def full_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a recorded list that are whole orders; some lists were asked for a few fields only."""
    return [row for row in decoded(path) if "line_items" in row]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_sample_has_an_expectation_and_each_expectation_a_sample(platform: str) -> None:
    samples = {path.stem for path in (CASSETTES / platform / "samples" / "orders").glob("*.json")}
    assert samples == {name for of, name in ORDERS if of == platform}


@pytest.mark.parametrize(("platform", "name"), ORDERS)
def test_an_order_seen_first_becomes_what_is_expected(platform: str, name: str) -> None:
    expected = expected_of(platform, name)
    expected.pop("told", None)
    assert outcome(platform, sample(platform, name)) == expected


@pytest.mark.parametrize(
    ("platform", "name"), [(of, name) for of, name in ORDERS if not name.startswith(DRAFTS)]
)
def test_an_order_that_privy_has_is_sent_whatever_became_of_it(platform: str, name: str) -> None:
    expected = expected_of(platform, name)
    assert outcome(platform, sample(platform, name), told=True) == expected.get("told", expected)


@pytest.mark.parametrize(("platform", "name"), ORDERS)
def test_privys_rules_accept_each_expected_payload_whole(platform: str, name: str) -> None:
    expected = expected_of(platform, name)
    payloads = [each["payload"] for each in (expected, expected.get("told", {})) if "payload" in each]
    for payload in payloads:
        checked = rules.check(payload)
        assert (checked.problems, checked.ignored) == ([], [])


OF_CURRENCY = {"medusa": "currency_code", "shopify": "currencyCode", "vendure": "currencyCode"}


@pytest.mark.parametrize("value", [None, "", "Euro"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_currency_that_the_shop_does_not_state_can_be_the_stores(platform: str, value: str | None) -> None:
    name = next(of_name for of, of_name in ORDERS if of == platform and "payload" in expected_of(of, of_name))
    body = sample(platform, name)
    whole = body["order"] if platform == "oscar" else body
    whole[OF_CURRENCY.get(platform, "currency")] = value
    document = READERS.get(platform, by_id)(body)
    order = adapter(platform).parse(document)
    with pytest.raises(BadOrder, match=r"^currency: .* ISO 4217 code"):
        mapper(platform).map(order, document.body)
    said = MappingSettings.model_validate({"fields": {"currency": "'CHF'"}})
    mapped = Mapper(said, Numbering(store="acme", strategy=Strategy.HASH)).map(order, document.body)
    assert isinstance(mapped, Mapped)
    assert mapped.payload.currency == "CHF"


OF_REQUIRED = {
    ("medusa", "total"): "items",
    ("medusa", "order_date"): "created_at",
    ("oscar", "total"): "total_incl_tax",
    ("oscar", "order_date"): "date_placed",
    ("shopify", "total"): "totalPriceSet",
    ("shopify", "order_date"): "createdAt",
    ("vendure", "total"): "totalWithTax",
    ("vendure", "order_date"): "orderPlacedAt",
    ("woocommerce", "total"): "total",
    ("woocommerce", "order_date"): "date_created_gmt",
}
SAID = {"total": ("'12.50'", Decimal("12.50")), "order_date": ("'2026-11-20T10:00:00Z'", TWENTIETH)}


@pytest.mark.parametrize("value", [None, "soon", {"at": [1]}, GONE])
@pytest.mark.parametrize(("platform", "field"), OF_REQUIRED)
def test_what_the_shop_does_not_state_can_be_the_mappings(platform: str, field: str, value: Any) -> None:
    if platform == "vendure" and field == "order_date" and value in (None, GONE):
        value = "never"  # without one it is a cart
    name = next(of_name for of, of_name in ORDERS if of == platform and "payload" in expected_of(of, of_name))
    body = sample(platform, name)
    whole = body["order"] if platform == "oscar" else body
    place = OF_REQUIRED[platform, field]
    if value == GONE:
        del whole[place]
    else:
        whole[place] = value
    document = READERS.get(platform, by_id)(body)
    order = adapter(platform).parse(document)
    with pytest.raises(BadOrder, match=rf"^{field}: .* mapping: {{fields: {{{field}: ") as caught:
        mapper(platform).map(order, document.body)
    assert platform == "woocommerce" or place in str(caught.value)
    assert "soon" not in str(caught.value)
    said, meant = SAID[field]
    own = MappingSettings.model_validate({"fields": {field: said}})
    mapped = Mapper(own, Numbering(store="acme", strategy=Strategy.HASH)).map(order, document.body)
    assert isinstance(mapped, Mapped)
    assert getattr(mapped.payload, field) == meant
    assert mapped.origins[field].startswith(f"mapping.fields.{field}")


@pytest.mark.parametrize(("platform", "name"), DELIVERIES)
def test_a_delivery_says_what_is_expected(platform: str, name: str) -> None:
    folder = CASSETTES / platform / "samples" / "webhooks"
    delivery = decoded(folder / f"{name}.json")
    headers = {name.lower(): value for name, value in delivery["headers"]}
    request = WebhookRequest(headers=headers, body=(folder / f"{name}.body").read_bytes())
    expected = decoded(CASSETTES / platform / "expected" / "webhooks" / f"{name}.json")
    if expected == {"forged": True}:
        with pytest.raises(Forged):
            adapter(platform).read_webhook(request, [delivery["secret"]])
        return
    notice = adapter(platform).read_webhook(request, [delivery["secret"]])
    said: dict[str, Any] = {"refs": list(notice.refs)}
    if notice.erase is not None:
        said["erase"] = exact_json.decode(exact_json.encode(msgspec.structs.asdict(notice.erase)))
    if notice.note:
        said["note"] = True
    assert said == expected


def test_every_whole_order_in_the_recorded_lists_can_be_mapped() -> None:
    rows = [row for path in LISTS for row in full_rows(path)]
    assert len(rows) == 131
    for row in rows:
        for told in (False, True):
            made = outcome("woocommerce", row, told=told)
            assert "skip" in made or not rules.check(made["payload"]).problems
