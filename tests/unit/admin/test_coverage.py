"""What a mapping covers: fields, words, expressions that find nothing, and words without a meaning."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from connector.admin.coverage import Coverage, UnknownWord, coverage
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.state import documents
from tests.state import State, open_state
from tests.unit.admin.test_mapping_diff import delivered
from tests.unit.ingest.test_forgetting import order


@pytest.fixture
def state(sqlite_url: str) -> Iterator[State]:
    with open_state(sqlite_url) as opened:
        yield opened


def of(shop: Shop, last: int = 100, **mapping: Any) -> Coverage:
    mapper = Mapper(
        MappingSettings.model_validate(mapping), Numbering(store="acme", strategy=Strategy.NATIVE)
    )
    return asyncio.run(coverage(replace(shop, mapper=mapper), last=last))


def test_fields_words_and_what_is_not_sent_are_counted(state: State) -> None:
    german = {"city": "Bonn", "country_code": "DE"}
    shop = delivered(
        state,
        order(1, financial_status="paid", accepts_email_marketing=True, billing_address=german),
        order(2, financial_status="paid", phone="+4915123456789"),
        order(3, email=""),
        order(4, currency="EURO"),
    )
    found = of(shop)
    assert (found.looked, found.sent, found.skipped) == (4, 2, {"no-contact": 1})
    assert sum(found.failed.values()) == 1
    assert (found.fields["email"], found.fields["phone"], found.fields["line_items"]) == (2, 1, 0)
    assert found.values["financial_status"] == {"paid": 2}
    assert found.values["accepts_email_marketing"] == {"true": 1, "nothing": 1}
    assert found.countries == {"DE": 1}
    assert of(shop, last=1).looked == 1


def test_expressions_that_never_find_anything_are_named(state: State) -> None:
    shop = delivered(state, order(1, vip="yes"), order(2))
    found = of(
        shop,
        fields={"customer_id": "vip", "phone": "telefon"},
        skip={"wholesale": "channel == 'b2b'", "vips": "vip == 'yes'"},
    )
    assert found.expressions == {
        "mapping.fields.customer_id": 1,
        "mapping.fields.phone": 0,
        "mapping.skip.wholesale": 0,
        "mapping.skip.vips": 1,
    }
    assert found.idle == ["mapping.fields.phone", "mapping.skip.wholesale"]
    (first,) = found.worst(lambda key: "connector.yaml:9")
    assert first.startswith("connector.yaml:9: mapping.fields.phone found nothing in any of the 2 newest")


def test_a_word_without_a_meaning_is_listed_with_a_sample_and_its_line(state: State) -> None:
    shop = delivered(
        state,
        *(order(number, financial_status="On hold: bank") for number in (1, 2)),
        order(3, financial_status="paid", fulfillment_status="null"),
        order(4, financial_status="bezahlt"),
    )
    found = of(shop, financial_status={"bezahlt": "paid"})
    first = found.unknown[0]
    assert (first.field, first.word, first.orders, first.sample) == (
        "financial_status",
        "On hold: bank",
        2,
        "1",
    )
    assert first.line.startswith('"On hold: bank": …    # one of ')
    assert "partially_refunded" in first.line
    told = of(shop, financial_status={"bezahlt": "paid", "On hold: bank": "pending"})
    assert "On hold: bank" not in [one.word for one in told.unknown]


@pytest.mark.parametrize(
    "word", ["on-hold", "null", "TRUE", "a: b", "# x", "12", "yes", "ä", '"', "a  b", "-"]
)
def test_the_line_is_yaml_for_that_word(word: str) -> None:
    line = UnknownWord("financial_status", word).line.replace("…", "paid")
    assert list(yaml.load(line, Loader=yaml.BaseLoader)) == [word]  # noqa: S506  # texts only
    assert line.startswith('"') or word in ("on-hold", "yes")


def test_what_is_held_no_longer_is_counted_apart(state: State) -> None:
    shop = delivered(state, order(1), order(2))
    state.do(documents.drop, "acme", ["1"])
    found = of(shop)
    assert (found.looked, found.unheld) == (1, 1)
