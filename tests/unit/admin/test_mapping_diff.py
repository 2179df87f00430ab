"""What a changed mapping would change of known orders: counted by kind, its cost, and nothing written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.admin.mapping_diff import Change, Effect, Totals, effect
from connector.ingest.page import take
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.limits import Limits
from connector.model.order import Document
from connector.state import documents
from connector.state.outbox.schema import OUTBOX
from tests.state import NOW, State, open_state
from tests.unit.ingest.test_forgetting import order, shop_of

LIMITS = Limits(per_minute=60, per_day=10_000)


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def delivered(state: State, *bodies: dict[str, Any]) -> Shop:
    """A store whose orders, placed a minute apart, were taken and, where they could be, delivered."""
    shop, at = shop_of(state), state.clock.now()
    found = [Document(ref=str(one["order_id"]), changed_at=at, body=one) for one in bodies]
    state.do(take, shop, found, "import", at, at, state.clock.steady())
    for claim in state.claim():
        state.settle(claim)
    state.clock.forward(3600)
    return shop


def by(state: State, shop: Shop, mapping: dict[str, Any], **chosen: Any) -> Effect:
    """The effect of that mapping."""
    mapper = Mapper(
        MappingSettings.model_validate(mapping), Numbering(store="acme", strategy=Strategy.NATIVE)
    )
    changed = replace(shop, mapper=mapper)
    return asyncio.run(effect(shop, changed.bench, LIMITS, **{"last": 100} | chosen))


def test_a_mapping_that_did_not_change_changes_nothing(state: State) -> None:
    shop = delivered(state, order(1), order(2), order(3, email=""))
    found = by(state, shop, {})
    assert (found.looked, found.differing, found.calls, found.moved, found.fields) == (3, 0, 0, {}, {})
    assert found.done_at is None


def test_fields_words_and_totals_are_counted(state: State) -> None:
    shop = delivered(
        state,
        *(order(number, financial_status="on hold", net="40.00") for number in (1, 2, 3, 4)),
        order(5, financial_status="paid", net="47.90"),
    )
    found = by(state, shop, {"financial_status": {"on hold": "pending"}, "fields": {"total": "net"}})
    assert (found.looked, found.differing, found.calls) == (5, 4, 4)
    assert found.fields == {name: Change(4, ["1", "2", "3"]) for name in ("financial_status", "total")}
    assert found.values == {"financial_status: nothing -> pending": Change(4, ["1", "2", "3"])}
    assert found.totals == {"EUR": Totals(4, Decimal("191.60"), Decimal("160.00"))}
    assert found.takes_seconds == pytest.approx(60 * 4 / 58, abs=5)
    assert found.done_at == state.clock.now() + timedelta(seconds=found.takes_seconds)


def test_what_would_be_skipped_sent_or_fail_is_said(state: State) -> None:
    shop = delivered(state, order(1), order(2, currency="EURO"), order(3, email=""))
    mapping = {
        "fields": {"currency": "'EUR'", "email": "email || 'ann@mail.example'"},
        "skip": {"first": "order_id == `1`"},
    }
    found = by(state, shop, mapping)
    ends = {name: change.samples for name, change in found.moved.items()}
    failed = next(name for name in ends if name.startswith("failed: currency"))
    assert ends == {
        "sent -> skipped by first": ["1"],
        failed: ["2"],
        "skipped by no-contact -> sent": ["3"],
    }
    assert failed.endswith(" -> sent")
    assert (found.differing, found.calls) == (3, 2)


def test_the_newest_are_looked_at_or_those_since_a_day(state: State) -> None:
    old = (NOW - timedelta(days=9)).isoformat()
    shop = delivered(state, order(1, order_date=old), order(2), order(3))
    mapping = {"fields": {"customer_id": "to_string(order_id)"}}
    assert by(state, shop, mapping, last=2).fields["customer_id"].samples == ["2", "3"]
    assert by(state, shop, mapping, since=NOW - timedelta(days=1)).looked == 2
    assert by(state, shop, mapping, since=NOW - timedelta(days=10)).looked == 3


def test_orders_whose_documents_or_payloads_are_gone_are_counted_as_unknown(state: State) -> None:
    shop = delivered(state, order(1), order(2))
    state.do(documents.drop, "acme", ["1"])
    state.do(lambda connection: connection.exec_driver_sql("DELETE FROM body WHERE ref = '2'"))
    found = by(state, shop, {"fields": {"customer_id": "'c'"}})
    assert (found.looked, found.unheld, found.differing, found.unseen, found.fields) == (1, 1, 1, 1, {})


def test_nothing_is_written(state: State) -> None:
    shop = delivered(state, order(1), order(2))
    before = [tuple(row) for row in state.do(lambda connection: connection.execute(OUTBOX.select()).all())]
    assert by(state, shop, {"fields": {"total": "'1'"}}).differing == 2
    after = [tuple(row) for row in state.do(lambda connection: connection.execute(OUTBOX.select()).all())]
    assert before == after
