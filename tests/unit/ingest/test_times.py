"""An order's times: the earliest of its placing decides, the future is none, no change is after its fetch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from connector.ingest.poll import poll
from connector.ingest.reconcile import reconcile
from connector.runtime import exact_json
from connector.state import audit
from connector.state.outbox.schema import OUTBOX
from tests.state import LIVE_FROM, NOW, State, open_state
from tests.unit.ingest.books import Books, shop_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OLD = LIVE_FROM - 30 * DAY


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


async def test_an_older_day_of_the_mapping_makes_an_order_history(state: State) -> None:
    books = Books()
    shop = shop_of(state, books, mapping={"fields": {"order_date": "bought"}})
    books.write("1", placed=NOW - HOUR, bought=OLD.isoformat())
    books.write("2", placed=OLD, bought=(NOW - HOUR).isoformat())
    books.write("3", placed=NOW - HOUR, bought=(NOW - 2 * HOUR).isoformat())
    assert await poll(shop)
    claims = {one.ref: (one.lane, one.initial_sync) for one in state.claim()}
    assert claims == {"1": ("history", True), "2": ("history", True), "3": ("live", False)}
    assert state.row("1").placed_at == OLD


async def test_without_a_stated_time_the_mappings_decides_and_nothing_makes_it_younger(state: State) -> None:
    books = Books()
    shop = shop_of(state, books, mapping={"fields": {"order_date": "bought"}})
    young, old = (NOW - HOUR).isoformat(), OLD.isoformat()
    written: dict[str, dict[str, Any]] = {
        "1": {"bought": young},
        "2": {"bought": old},
        "3": {"bought": young, "paid": old},
        "4": {"bought": old, "paid": young},
        "5": {"paid": young},
    }
    for ref, more in written.items():
        books.write(ref, **more)
        del books.orders[ref]["placed"]
    assert await poll(shop)
    claims = {one.ref: (one.lane, one.initial_sync) for one in state.claim()}
    assert claims == {"1": ("live", False), **dict.fromkeys(("2", "3", "4"), ("history", True))}
    assert [state.row(ref).placed_at for ref in ("1", "2", "3", "4")] == [NOW - HOUR, OLD, OLD, OLD]
    row = state.row("5")
    assert (row.state, row.placed_at) == ("failed", None)
    assert row.reason.startswith("order_date: mapping.fields.order_date (bought) finds none; ")


@pytest.mark.parametrize("mapping", [{}, {"skip": {"house": "house"}}])
async def test_an_order_without_any_time_is_never_sent(state: State, mapping: dict[str, Any]) -> None:
    books = Books()
    shop = shop_of(state, books, mapping=mapping)
    books.write("1", house=True, paid=(NOW - HOUR).isoformat())
    del books.orders["1"]["placed"]
    for _ in range(2):
        assert await poll(shop)
        row = state.row("1")
        assert (row.state, row.placed_at) == ("skipped" if mapping else "failed", None)
        assert mapping or row.reason.startswith("order_date: placed: is missing; ")
        assert state.claim() == []
    books.write("1", placed=NOW - HOUR, changed=NOW + HOUR)
    state.clock.forward(7200)
    assert await poll(shop)
    assert state.row("1").state == "waiting"


@pytest.mark.parametrize("ahead", [DAY + timedelta(seconds=1), 400 * DAY, 9000 * DAY])
async def test_an_order_of_the_future_fails_until_its_day_comes(state: State, ahead: timedelta) -> None:
    books = Books()
    shop = shop_of(state, books)
    books.write("1", placed=NOW + ahead)
    for _ in range(2):
        assert await poll(shop)
        row = state.row("1")
        assert (row.state, row.placed_at) == ("failed", None)
        assert row.reason.startswith(f"order_date: {NOW + ahead:%Y-%m-%d %H:%M}Z has not come yet")
    assert [one.outcome for one in state.do(audit.timeline, "acme", "1")] == ["failed"]
    assert state.claim() == []
    state.clock.forward(ahead.total_seconds())
    assert await poll(shop)
    assert state.row("1").state == "waiting"


async def test_a_clock_that_is_a_little_ahead_is_no_future(state: State) -> None:
    books = Books()
    books.write("1", placed=NOW + DAY, changed=NOW + DAY)
    assert await poll(shop_of(state, books))
    assert state.row("1").lane == "live"


async def test_a_time_of_the_future_that_the_mapping_corrects_or_makes(state: State) -> None:
    books = Books()
    shop = shop_of(state, books, mapping={"fields": {"order_date": "bought"}})
    books.write("1", placed=NOW + 400 * DAY, bought=(NOW - HOUR).isoformat())
    books.write("2", placed=NOW - HOUR, bought=(NOW + 400 * DAY).isoformat())
    assert await poll(shop)
    assert (state.row("1").state, state.row("1").placed_at) == ("waiting", NOW - HOUR)
    assert state.row("2").state == "failed"
    assert "mapping.fields.order_date: bought" in state.row("2").reason


async def test_a_change_of_the_future_keeps_no_later_state_out(state: State) -> None:
    books = Books()
    shop = shop_of(state, books)
    books.write("1", changed=NOW + 400 * DAY)
    assert await poll(shop)
    assert state.row("1").changed_at == NOW
    for total, ahead in ((96, 3 * DAY), (97, timedelta(0)), (98, 400 * DAY)):
        state.clock.forward(60)
        books.write("1", changed=state.clock.now() + ahead, total=total)
        assert await poll(shop)
        assert state.row("1").changed_at == state.clock.now()
        assert exact_json.decode(state.body("1") or b"")["total"] == total


async def test_what_was_frozen_by_an_earlier_release_thaws(state: State) -> None:
    books = Books()
    shop = shop_of(state, books)
    books.write("1")
    assert await poll(shop)

    def freeze(connection: Connection) -> None:
        connection.execute(update(OUTBOX).values(changed_at=NOW + 400 * DAY))

    state.do(freeze)
    state.clock.forward(60)
    books.write("1", changed=state.clock.now(), total=96)
    assert await poll(shop)
    assert state.row("1").changed_at == state.clock.now()
    assert state.row("1").state == "waiting"


async def test_reconcile_counts_no_order_as_delivered_that_is_otherwise_at_the_shop(state: State) -> None:
    books = Books()
    shop = shop_of(state, books)
    for ref in "12":
        books.write(ref, changed=NOW - HOUR)
    assert await poll(shop)
    for claim in state.claim():
        state.settle(claim)
    state.clock.forward(60)
    books.write("1", changed=NOW - 2 * HOUR, total=96)  # a plugin, or a backup put back, set its time back
    found = await reconcile(shop, OLD, NOW + DAY)
    assert (found.listed, found.delivered, found.differing, found.adds_up) == (2, 1, 1, False)
    books.write("1", changed=state.clock.now(), total=96)
    found = await reconcile(shop, OLD, NOW + DAY)
    assert (found.delivered, found.waiting, found.differing, found.adds_up) == (1, 1, 0, True)


async def test_a_report_that_the_shop_prepared_before_a_newer_reading_differs_without_a_word(
    state: State,
) -> None:
    books = Books()
    shop = shop_of(state, books)
    books.write("1", changed=NOW, total=96)
    assert await poll(shop)
    state.settle(state.claim()[0])
    state.clock.forward(60)
    books.write("1", changed=NOW - HOUR, total=95)
    books.as_of = NOW - timedelta(seconds=1)
    found = await reconcile(shop, OLD, NOW + DAY)
    assert (found.delivered, found.differing, found.adds_up) == (1, 0, True)
