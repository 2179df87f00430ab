"""An order's document made anonymous: nobody is in it any more, and the mapping makes the same of it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.admin.anonymous import anonymous
from connector.admin.mapping_tests import Workbench
from connector.admin.samples import sample, words
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.errors import BadOrder
from connector.model.order import Order
from connector.runtime import exact_json
from connector.sdk import registry
from connector.settings.models import store_model

ROOT = Path(__file__).parents[3]
NOW = datetime(2027, 1, 1, tzinfo=UTC)
LIVE_FROM = datetime(2020, 1, 1, tzinfo=UTC)
ORDERS = sorted((ROOT / "cassettes").glob("*/samples/orders/*.json"))


def bench_of(platform: str, mapping: dict[str, Any]) -> Workbench:
    example = yaml.safe_load((ROOT / "config" / "stores" / f"{platform}.example.yaml").read_text())
    (store,) = example["stores"].values()
    kept = {key: store[key] for key in ("platform", "url", "credentials", "account") if key in store}
    settings = store_model(platform).model_validate({**kept, "name": "acme", "mapping": mapping})
    native = registry.adapter(platform).traits.ids == "integer"
    return Workbench(
        "acme", settings, Numbering(store="acme", strategy=Strategy.NATIVE if native else Strategy.HASH)
    )


@cache
def bench(platform: str) -> Workbench:
    return bench_of(platform, {})


def people(order: Order) -> list[str]:
    both = (order.billing, order.shipping)
    texts = [order.email, *(phone.text for phone in order.phones)]
    for one in both:
        texts += [one.first_name, one.last_name, one.address1, one.city, one.phone]
    return [text for text in texts if len(text) > 5]


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_a_sample_holds_nobody_and_is_mapped_as_its_original(path: Path) -> None:
    own = bench(path.parts[-4])
    body = exact_json.decode(path.read_bytes())
    try:
        document = own.document(body)
        order = own.adapter.parse(document)
    except BadOrder:
        document, order = None, None
    if document is None or order is None:
        return
    made = sample(own.bench(LIVE_FROM), document, NOW)
    text = exact_json.encode(made.body).decode().replace("example.com", "")
    for one in people(order):
        assert one.lower() not in text.lower()
    assert made.otherwise == ()
    assert shape(made.body) == shape(document.body)


def shape(value: Any) -> Any:
    """Kinds of values, and the lengths of lists."""
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def test_equal_texts_are_replaced_alike_and_what_the_mapping_names_stays() -> None:
    body = {"note": "Ring twice, Ada", "again": "Ring twice, Ada", "tag": "wholesale", "other": "retail"}
    made = anonymous(body, order=None, words={"wholesale"})
    assert made["note"] == made["again"] != "Ring twice, Ada"
    assert [len(word) for word in made["note"].split()] == [4, 6, 3]
    assert made["tag"] == "wholesale"
    assert made["other"] != "retail"


@pytest.mark.parametrize(
    "body",
    [
        {"phone": 4915123456789},
        {"customer": {"id": 123456789}},
        {"ada@lovelace.example": {"vip": True}},
        {"deep": [[{"x": ["call ada@lovelace.example or +49 151 23456789"]}]]},
        {"name": "李小龍"},
        {"url": "https://shop.example/orders/1?key=wc_order_s3cr3t"},
        {"order_key": "wc_order_s3cr3t"},
        {"birth_date": "1815-12-10"},
        {"customer_ip_address": "203.0.113.77"},
        {"status": "called Ada Lovelace"},
        {"type": "ada@lovelace.example"},
        {"meta_data": [{"id": 1, "key": "_vat_number", "value": "DE123456789"}]},
    ],
)
def test_what_is_not_known_to_be_harmless_is_replaced(body: dict[str, Any]) -> None:
    text = exact_json.encode(anonymous(body, order=None, words=())).decode()
    for one in ("4915123456789", "123456789", "lovelace", "23456789", "李小龍", "s3cr3t", "1815", "203.0"):
        assert one not in text
    assert "Lovelace" not in text


def test_the_words_of_a_mapping_are_found_wherever_it_names_them() -> None:
    mapping = MappingSettings.model_validate(
        {
            "fields": {"customer_id": "meta_data[?key=='erp_id'].value | [0]"},
            "skip": {"wholesale": "contains(tags, 'B2B') || channel == `\"pos\"`"},
            "financial_status": {"on-hold": "pending"},
        }
    )
    assert words(mapping) == {"erp_id", "B2B", "pos", "on-hold"}
