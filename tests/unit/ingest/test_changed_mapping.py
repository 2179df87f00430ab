"""A mapping that changed sends nothing again by itself: not by reading an order that stands as it stood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.admin import mapping_change
from connector.ingest import remapping
from connector.ingest.page import take
from connector.ingest.push import take_in
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.limits import Limits
from connector.model.order import Document
from connector.runtime.exact_json import decode
from connector.state import documents, mappings
from connector.state.outbox.schema import OUTBOX
from connector.state.quota import Usage
from tests.state import NOW, State, open_state
from tests.unit.ingest.test_forgetting import order, shop_of

ORDERS = range(1001, 1069)  # 68
UNUSED = Usage(minute=0, day=0, day_live=0, minute_left_seen=None, day_left_seen=None)
OTHER = {"customer_id": "to_string(order_id)"}


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def mapped(shop: Shop, fields: Mapping[str, str], **mapping: Any) -> Shop:
    """The store with another mapping, as after a reload."""
    settings = MappingSettings.model_validate({"fields": dict(fields)} | mapping)
    mapper = Mapper(settings, Numbering(store=shop.name, strategy=Strategy.NATIVE))
    return replace(shop, mapper=mapper)


def deliver_all(state: State) -> int:
    claims = state.claim()
    for claim in claims:
        state.settle(claim)
    return len(claims)


def read(state: State, shop: Shop, *bodies: dict[str, Any], minutes: int = 60, gone: bool = False) -> int:
    """Read these orders (again), as a reconcile does; how many are to be sent for it."""
    at = state.clock.now()
    found = [
        Document(ref=str(body["order_id"]), changed_at=at - timedelta(minutes=minutes), body=body)
        for body in bodies
    ]
    return state.do(take, shop, found, "reconcile", at, at, state.clock.steady(), gone=gone).waiting


def delivered(state: State) -> Shop:
    """A store with 68 delivered orders."""
    shop = shop_of(state)
    assert read(state, shop, *(order(number) for number in ORDERS)) == 68
    assert deliver_all(state) == 68
    state.clock.forward(3600)
    return shop


def test_orders_that_are_read_again_are_not_sent_for_a_mapping_that_changed(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    bodies = [order(number) for number in ORDERS]
    reordered = [dict(reversed(body.items())) for body in bodies]
    assert read(state, shop, *bodies, minutes=120) == 0
    assert read(state, shop, *reordered, minutes=120) == 0
    assert state.claim() == []
    assert state.row("1001").state == "delivered"


def test_the_next_real_change_of_an_order_is_sent_by_the_new_mapping(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    assert read(state, shop, order(1001, total="50.00"), order(1002), minutes=0) == 1
    (claim,) = state.claim()
    sent = decode(claim.body)
    assert (sent["order_id"], sent["total"], sent["customer_id"]) == (1001, 50, "1001")


def test_a_change_that_moves_no_time_is_a_real_one(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    assert read(state, shop, order(1001, financial_status="paid"), minutes=120) == 1


def test_an_order_that_is_gone_really_changed(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    before = state.row("1001").source
    read(state, shop, order(1001), minutes=120, gone=True)
    assert state.row("1001").source != before


def test_a_change_that_made_no_difference_is_none_after_the_mapping_changed(state: State) -> None:
    shop = delivered(state)
    assert read(state, shop, order(1001, internal_note="called"), minutes=5) == 0  # its time moved
    assert read(state, mapped(shop, OTHER), order(1001, internal_note="called"), minutes=5) == 0


def test_what_waits_or_failed_goes_by_the_new_mapping(state: State) -> None:
    shop = shop_of(state)
    read(state, shop, order(1), order(2, currency="dollars"))
    assert state.row("2").state == "failed"
    shop = mapped(shop, {"currency": "'USD'"})
    assert read(state, shop, order(1), order(2, currency="dollars")) == 2
    assert {decode(claim.body)["currency"] for claim in state.claim()} == {"USD"}


def test_a_mapping_that_cannot_map_them_fails_no_delivered_order(state: State) -> None:
    shop = mapped(delivered(state), {"currency": "'dollars'"})
    assert read(state, shop, order(1001), minutes=120) == 0
    assert state.row("1001").state == "delivered"


def test_orders_of_an_earlier_version_of_this_program_are_told_by_their_documents(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    state.do(lambda connection: connection.execute(update(OUTBOX).values(source=None)))
    assert read(state, shop, order(1001), minutes=120) == 0
    assert read(state, shop, order(1002, financial_status="paid"), minutes=120) == 1


def test_pushing_the_same_again_is_no_change(state: State) -> None:
    shop = shop_of(state)
    state.do(take_in, shop, [order(7)], "push")
    deliver_all(state)
    state.do(take_in, mapped(shop, OTHER), [order(7)], "push")
    assert state.claim() == []


async def test_a_changed_mapping_is_noticed_counted_and_said_once(state: State) -> None:
    shop = delivered(state)
    await remapping.notice(shop)
    assert state.do(mappings.get, "acme") == mappings.InUse(
        store="acme", fingerprint=remapping.fingerprint(shop.mapper)
    )
    shop = mapped(shop, OTHER)
    looked = await remapping.in_use(shop)  # as check does, which writes nothing
    assert (looked.delivered, looked.looked, looked.differing) == (68, 68, 68)
    await remapping.notice(shop)
    state.clock.forward(600)
    await remapping.notice(shop)
    assert state.do(mappings.get, "acme") == looked
    told = mapping_change.of(looked, Limits(), UNUSED)
    assert told is not None
    assert "something else of 68 of 68 delivered orders, which is 68 calls and 1 min" in told.sentence
    assert "connector replay --changed acme" in told.sentence


async def test_a_change_that_makes_nothing_else_of_what_was_delivered_is_not_told(state: State) -> None:
    shop = delivered(state)
    await remapping.notice(shop)
    shop = mapped(shop, {}, skip={"wholesale": "customer_group == 'wholesale'"})
    await remapping.notice(shop)
    used = state.do(mappings.get, "acme")
    assert used is not None
    assert (used.since, used.fingerprint) == (None, remapping.fingerprint(shop.mapper))


async def test_replaying_what_changed_sends_what_differs_and_nothing_else(state: State) -> None:
    shop = delivered(state)
    await remapping.notice(shop)
    shop = mapped(shop, {"customer_id": "order_id < `1011` && to_string(order_id) || null"})
    await remapping.notice(shop)
    counted = await remapping.count(shop)
    assert (counted.looked, counted.differing, counted.calls, counted.unheld) == (68, 10, 10, 0)
    assert state.claim() == []
    assert await remapping.replay_changed(shop) == (counted, [])
    assert sorted(claim.order_id for claim in state.claim()) == list(range(1001, 1011))
    used = state.do(mappings.get, "acme")
    assert used is not None
    assert used.since is None


async def test_pushed_orders_whose_documents_are_held_no_longer_are_named(state: State) -> None:
    shop = mapped(delivered(state), OTHER)
    state.do(documents.drop, "acme", ["1001"])
    counted, unknown = await remapping.replay_changed(shop)
    assert (counted.looked, counted.unheld, unknown) == (67, 1, ["1001"])
    assert deliver_all(state) == 67


def test_a_sample_is_called_one() -> None:
    used = mappings.InUse(store="acme", fingerprint="f", since=NOW, delivered=5000, looked=200, differing=50)
    told = mapping_change.of(used, Limits(), UNUSED)
    assert told is not None
    assert told.orders == 1250
    assert "50 of 200 delivered orders (the newest of 5000), which is about 1250 calls" in told.sentence
