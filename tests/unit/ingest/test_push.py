"""Arrival is a version: strictly in order whatever the clock does, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.push import Push
from adapters.push.configuration import Credentials, Options
from connector.ingest.push import FEED, Reception, take_in
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.state import cursors, documents, stores
from tests.state import LIVE_FROM, NOW, State, open_state


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def shop_of(state: State, **options: Any) -> Shop:
    facts = state.do(stores.facts, "acme")
    assert facts is not None
    return Shop(
        name="acme",
        account="main",
        adapter=Push(
            url="https://acme.example",
            credentials=Credentials(),
            options=Options.model_validate(options),
            http=Http(),
        ),
        mapper=Mapper(MappingSettings(), Numbering(store="acme", strategy=Strategy.NATIVE)),
        facts=facts,
        db=state.db,
        clock=state.clock,
    )


def order(number: int = 1, total: Any = 5, **fields: Any) -> dict[str, Any]:
    placed = (LIVE_FROM + timedelta(hours=1)).isoformat()
    base = {"order_id": number, "order_date": placed, "currency": "EUR", "email": "ann@mail.example"}
    return {**base, "total": total, **fields}


def push(state: State, shop: Shop, *bodies: dict[str, Any]) -> list[str]:
    return [one.state for one in state.do(take_in, shop, bodies, "push").each]


def total(state: State, ref: str = "1") -> Any:
    """What the order's body would tell Privy."""
    return exact_json.decode(state.body(ref) or b"")["total"]


def test_a_later_push_replaces_an_earlier_one_though_the_clock_was_set_back(state: State) -> None:
    shop = shop_of(state)
    for number, seconds in enumerate((0, -7200, -1, 0, 3)):
        state.clock.forward(seconds)
        assert push(state, shop, order(total=number)) == ["accepted"]
        assert total(state) == number
    assert push(state, shop, order(total=8), order(total=9)) == ["stale", "accepted"]
    assert total(state) == 9
    read = state.do(cursors.get, "acme", FEED)
    assert read is not None
    assert read.read_at == state.clock.now()


def test_equal_versions_are_told_apart_by_arrival_though_the_clock_was_set_back(state: State) -> None:
    shop = shop_of(state, changed_at="at")
    at = NOW.isoformat()
    assert push(state, shop, order(total=1, at=at)) == ["accepted"]
    state.clock.forward(-60)
    assert push(state, shop, order(total=2, at=at)) == ["accepted"]
    assert push(state, shop, order(total=3, at=(NOW - timedelta(seconds=1)).isoformat())) == ["stale"]
    assert total(state) == 2


def test_a_file_counts_as_of_its_time_and_the_same_file_again_is_no_news(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order(1, total=9))
    written = state.clock.now() - timedelta(hours=1)
    for expected in (["stale", "stale", "accepted"], ["stale", "stale", "unchanged"]):
        bodies = [order(1, total=1), order(2, total=2), order(2, total=3)]
        arrivals = state.do(take_in, shop, bodies, "import", written)
        assert [one.state for one in arrivals.each] == expected
    assert (total(state, "1"), total(state, "2")) == (9, 3)


def test_a_value_that_is_no_number_costs_its_order_and_what_is_no_order_itself(state: State) -> None:
    shop = shop_of(state)
    far = Decimal("1e900000000")
    bodies = [order(1), None, order(2, total="NaN"), order(3, total=far), "x", order(4, note=far), order(5)]
    arrivals = state.do(take_in, shop, bodies, "push").each
    assert [(one.order, one.state) for one in arrivals] == [
        ("1", "accepted"),
        ("", "refused"),
        ("2", "failed"),
        ("3", "failed"),
        ("", "refused"),
        ("4", "accepted"),
        ("5", "accepted"),
    ]
    assert [one.reason.partition(":")[0] for one in arrivals if one.reason] == [
        "order",
        "total",
        "total",
        "order",
    ]
    kept = state.do(documents.get, "acme", "4")
    assert kept is not None
    assert kept.unpacked()["note"] == far


async def test_pushes_that_come_together_are_answered_each_with_its_own(state: State) -> None:
    shop, reception = shop_of(state), Reception()
    woken: list[str] = []
    shop.wake = lambda: woken.append("")
    pushes = [[order(number)] * (number % 3) for number in range(1, 301)]
    answers = await asyncio.gather(*(reception.arrive(shop, bodies) for bodies in pushes))
    for number, answer in enumerate(answers, 1):
        wanted = [] if number % 3 == 0 else ["accepted"] if number % 3 == 1 else ["stale", "accepted"]
        assert [one.state for one in answer] == wanted
        assert {one.order for one in answer} <= {str(number)}
    assert 2 <= len(woken) < 10


async def test_a_fault_of_ours_with_one_push_is_not_shared_by_the_others(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, reception = shop_of(state), Reception()
    plain = Push.document

    def document(self: Push, body: dict[str, Any], arrived_at: Any) -> Any:
        if body["order_id"] == 7:
            raise RuntimeError("a fault of ours")
        return plain(self, body, arrived_at)

    monkeypatch.setattr(Push, "document", document)
    answers = await asyncio.gather(
        *(reception.arrive(shop, [order(number)]) for number in range(1, 11)), return_exceptions=True
    )
    assert [isinstance(answer, RuntimeError) for answer in answers] == [
        number == 7 for number in range(1, 11)
    ]
    assert (await reception.arrive(shop, [order(11)]))[0].state == "accepted"
