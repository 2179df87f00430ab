"""Preview, plan, time-line and sender say the same of an order: they ask the same function."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.admin.explain import explain, preview
from connector.admin.plan import plan
from connector.ingest.poll import poll
from connector.model.limits import Limits
from connector.state import audit
from tests.state import LIVE_FROM, NOW, State, open_state
from tests.unit.ingest.books import Books, shop_of

OLD = LIVE_FROM - timedelta(days=30)
HOUR = timedelta(hours=1)


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


@pytest.mark.parametrize(("updates", "lane"), [("history", "history"), ("live", "live")])
async def test_an_edited_order_from_before_is_told_everywhere_as_its_call_will_be(
    state: State, updates: str, lane: str
) -> None:
    books = Books()
    shop = shop_of(state, books, historical_updates=updates)
    books.write("1", placed=OLD, changed=OLD)
    assert await poll(shop)
    first = state.claim(historical_updates=updates)[0]
    assert (first.lane, first.initial_sync) == ("history", True)
    state.settle(first)

    edited = books.write("1", placed=OLD, changed=NOW, total=96)
    shown = state.do(preview, shop, edited, NOW)
    assert shown.initial_sync is (lane == "history")
    assert shown.verdict.startswith(f"would be sent in the {lane} lane: placed 2026-05-02 00:00Z, before")
    planned = await plan(shop, Limits(per_minute=60, per_day=1000), OLD, NOW, lambda *_: None)
    assert (planned.live, planned.history) == ((1, 0) if lane == "live" else (0, 1))

    assert await poll(shop)
    said = state.do(audit.timeline, "acme", "1")[-1].detail
    assert f"to be sent in the {lane} lane" in said
    assert "before the store went live" in said
    facts = state.do(explain, shop, "1", NOW).facts
    assert (facts["lane"], facts["initial_sync"]) == (lane, lane == "history")
    claim = state.claim(historical_updates=updates)[0]
    assert (claim.lane, claim.initial_sync) == (lane, lane == "history")


async def test_an_order_that_became_late_changes_over_to_the_history_lane_and_is_paid_as_such(
    state: State,
) -> None:
    books = Books()
    shop = shop_of(state, books)
    for ref in "123":
        books.write(ref, placed=NOW - int(ref) * HOUR)
    assert await poll(shop)
    assert state.row("1").lane == "live"
    state.clock.forward(25 * 3600)
    books.write("4", placed=state.clock.now(), changed=state.clock.now())
    assert await poll(shop)
    assert state.do(explain, shop, "1", state.clock.now()).facts["lane"] == "history"
    claims = state.claim(most=2)
    assert [(one.ref, one.lane, one.initial_sync) for one in claims] == [
        ("4", "live", False),
        ("1", "history", True),
    ]
    assert (state.row("2").lane, state.row("1").claimed_lane) == ("history", "history")


async def test_what_waits_as_history_overtakes_once_the_store_says_that_updates_are_live(
    state: State,
) -> None:
    books = Books()
    books.write("1", placed=OLD, changed=OLD)
    assert await poll(shop_of(state, books))
    state.settle(state.claim()[0])
    books.write("1", placed=OLD, changed=NOW, total=96)
    assert await poll(shop_of(state, books))
    assert state.row("1").lane == "history"
    claim = state.claim(historical_updates="live")[0]
    assert (claim.lane, claim.initial_sync, state.row("1").claimed_lane) == ("live", False, "live")
