"""Claiming and settling: the order of the lanes, one request an order, and what a crash leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from connector.model.states import Settlement
from connector.state import audit, quota, stores
from connector.state.outbox import acceptance, claims
from connector.state.outbox.claims import Claim
from tests.state import AMPLE, MINUTE, NOW, State, old, open_state, sending_rules, version

ACTIVE = ("acme", "zeta")


@pytest.fixture
def state(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    # Built while the module loads; built anew here, so that ``make mutants`` can change it.
    monkeypatch.setattr(claims, "_SETTLE", claims._settle_statements())
    with open_state(database_url) as opened:
        yield opened


def refs(found: list[Claim]) -> list[str]:
    return [claim.ref for claim in found]


def usage(state: State) -> quota.Usage:
    flying = state.do(claims.in_flight, "main")
    return state.do(quota.usage, "main", flying, state.clock.steady())


def test_live_orders_go_first_oldest_first_then_history_newest_first(state: State) -> None:
    state.accept(
        old("1", placed_at=NOW - timedelta(days=40)),
        old("2", placed_at=NOW - timedelta(days=30)),
        old("3", placed_at=NOW - timedelta(days=35)),
        version("4", placed_at=NOW - 2 * MINUTE),
        version("5", placed_at=NOW - 3 * MINUTE),
    )
    assert refs(state.claim()) == ["5", "4", "2", "3", "1"]


def test_no_more_is_claimed_than_the_quota_grants(state: State) -> None:
    state.accept(*(version(str(n)) for n in range(1, 4)), *(old(str(n)) for n in range(11, 20)))
    assert len(state.claim(grant=quota.Grant(live=5, history=1, again_at=0.0))) == 4
    assert len(state.claim(grant=quota.Grant(live=2, history=9, again_at=0.0))) == 2
    assert len(state.claim(3)) == 3
    assert state.claim(0) == []


def test_one_request_an_order_is_in_flight(state: State) -> None:
    state.accept(version("1"))
    [claim] = state.claim()
    assert state.claim() == []
    state.settle(claim, "later")
    assert refs(state.claim()) == ["1"]


def test_resting_stores_wait_and_others_go_on(state: State) -> None:
    state.accept(version("1"))
    state.accept(version("2"), store="zeta")
    assert refs(state.claim(resting=("acme",))) == ["2"]


def test_a_claim_takes_an_order_of_one_store_though_another_has_the_same_id(state: State) -> None:
    state.accept(version("1"))
    state.accept(version("1", order_id=10**9 + 1), store="zeta")
    assert [claim.store for claim in state.claim(resting=("zeta",))] == ["acme"]
    assert state.row("1", "zeta").claimed_at is None
    assert [claim.store for claim in state.claim()] == ["zeta"]


def test_the_next_order_is_due_when_the_first_of_those_that_wait_is(state: State) -> None:
    state.accept(version("1"), version("2"))
    for claim, delay in zip(state.claim(), (30.0, 20.0), strict=True):
        state.settle(claim, "later", delay=delay)
    assert state.do(claims.next_due, "main", ACTIVE) == state.clock.steady() + 20.0


def test_an_order_is_not_tried_again_before_its_time(state: State) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0], "later", delay=30.0)
    due = state.clock.steady() + 30.0
    assert state.do(claims.next_due, "main", ACTIVE) == due
    assert state.claim() == []
    state.clock.forward(30)
    assert state.do(claims.any_due, "main", ACTIVE, state.clock.steady())
    assert refs(state.claim()) == ["1"]


@pytest.mark.parametrize(
    ("outcome", "left"),
    [("delivered", "delivered"), ("later", "waiting"), ("prevented", "waiting"), ("refused", "failed")],
)
def test_each_outcome_leaves_its_state(state: State, outcome: str, left: str) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0], outcome, detail="so it was")
    row = state.row("1")
    assert (row.state, row.claimed_at, row.maybe) == (left, None, False)
    assert row.told_live is (True if outcome == "delivered" else None)
    assert row.reason == ("so it was" if outcome == "refused" else "")
    assert usage(state).minute == (0 if outcome == "prevented" else 1)
    assert state.do(audit.timeline, "acme", "1")[-1].detail.endswith("so it was")


@pytest.mark.parametrize("outcome", ["delivered", "later", "prevented", "refused"])
def test_an_answer_is_about_one_order_of_one_store(state: State, outcome: str) -> None:
    """Another store has an order of the same id, and another order of the store is in flight too."""
    state.accept(version("1"), version("2"))
    state.accept(version("1", order_id=10**9 + 1), store="zeta")
    [claim] = [one for one in state.claim() if (one.store, one.ref) == ("acme", "1")]
    before = state.row("2"), state.row("1", "zeta")
    state.settle(claim, outcome, detail="so it was", delay=30.0)
    assert (state.row("2"), state.row("1", "zeta")) == before


def test_answers_that_come_together_are_all_spent_in_their_lanes(state: State) -> None:
    state.accept(version("1"), version("2"), old("3"), old("4"), version("5"))
    outcomes = ("delivered", "refused", "delivered", "later", "prevented")
    answers = [
        claims.Settled(claim=claim, outcome=Settlement(outcome), detail="")
        for claim, outcome in zip(sorted(state.claim(), key=lambda one: one.ref), outcomes, strict=True)
    ]
    state.do(claims.settle, "main", answers, now=NOW, steady=state.clock.steady())
    assert (usage(state).minute, usage(state).day_live) == (4, 2)


def test_a_delivery_notes_its_time_and_begins_the_attempts_anew(state: State) -> None:
    state.accept(version("1"))
    for attempt in (1, 2):
        [claim] = state.claim()
        assert claim.attempts == attempt
        state.settle(claim, "later")
    state.clock.forward(7)
    state.settle(state.claim()[0])
    assert (state.row("1").told_at, state.row("1").attempts) == (state.clock.now(), 0)


def test_a_delivery_of_an_older_version_leaves_the_newer_waiting(state: State) -> None:
    state.accept(version("1"))
    [claim] = state.claim()
    state.accept(version("1", total=96, changed_at=NOW))
    state.settle(claim)
    row = state.row("1")
    assert (row.state, row.told_hash, row.claimed_at) == ("waiting", claim.hash, None)
    state.settle(state.claim()[0])
    assert (state.row("1").state, state.row("1").told_hash) == ("delivered", row.hash)


def test_what_was_told_live_once_stays_so(state: State) -> None:
    """Though a later ``live_from`` makes history of the order."""
    state.accept(version("1"))
    state.settle(state.claim()[0])
    state.accept(version("1", total=96, changed_at=NOW))
    [claim] = state.claim(live_from=NOW)
    assert claim.initial_sync
    state.settle(claim)
    assert state.row("1").told_live is True


def test_an_answer_that_never_came_means_maybe_stored(state: State) -> None:
    state.accept(version("1"))
    assert state.row("1").maybe is False
    [claim] = state.claim()
    assert state.row("1").maybe is True
    state.settle(claim, "later", maybe=True)
    assert state.row("1").maybe is True
    [again] = state.claim()
    assert (again.maybe_before, again.attempts) == (True, 2)
    state.settle(again, "refused")
    assert state.row("1").maybe is True
    state.accept(version("1", total=96, changed_at=NOW))
    state.settle(state.claim()[0])
    assert state.row("1").maybe is False


def test_a_refusal_of_an_older_version_leaves_the_newer_waiting(state: State) -> None:
    state.accept(version("1"))
    [claim] = state.claim()
    state.accept(version("1", total=96, changed_at=NOW))
    state.settle(claim, "refused", detail="422")
    assert (state.row("1").state, state.row("1").reason) == ("waiting", "")


def test_after_a_crash_claimed_orders_count_as_spent_and_are_sent_again(state: State) -> None:
    state.accept(version("1"), version("2"), old("3"))
    assert refs(state.claim(2)) == ["1", "2"]
    assert usage(state).minute == 2
    state.clock.forward(5)
    assert state.recover() == 2
    assert state.do(claims.in_flight, "main") == {}
    assert usage(state).minute == 2
    assert state.row("1").maybe is True
    assert refs(state.claim()) == ["1", "2", "3"]
    assert [one.outcome for one in state.do(audit.timeline, "acme", "1")] == ["waiting", "unknown"]


def test_after_a_crash_the_newest_state_is_sent_though_privy_was_told_it_before(state: State) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0])
    state.accept(version("1", total=96, changed_at=NOW))
    state.claim()
    state.recover()
    state.accept(version("1", changed_at=NOW + MINUTE))
    [claim] = state.claim()
    assert claim.hash == version("1").hash


def test_a_start_cuts_waits_from_a_clock_that_was_ahead(state: State) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0], "later", delay=1800.0)
    state.clock.forward(-86_400)
    state.recover()
    assert state.do(claims.next_due, "main", ACTIVE) == state.clock.steady() + 1800.0


def test_a_start_leaves_no_trace_of_what_was_in_flight(state: State) -> None:
    state.accept(version("1"), old("2"))
    state.claim()
    state.clock.forward(5)
    state.recover()
    for ref in ("1", "2"):
        row = state.row(ref)
        assert (row.claimed_at, row.claimed_lane) == (None, None)
        assert row.due_at == state.clock.steady()
    assert (usage(state).minute, usage(state).day_live) == (2, 1)
    lost = state.do(audit.timeline, "acme", "2")[-1]
    assert (lost.kind, lost.outcome) == ("sent", "unknown")
    assert "Privy may hold it" in lost.detail


def test_an_account_minds_its_own_orders(state: State) -> None:
    state.accept(version("1"))
    [claim] = state.claim()
    assert state.do(claims.in_flight, "other") == {}
    assert state.do(claims.in_flight, "main") == {"live": 1}
    assert state.do(claims.any_in_flight, "acme")
    assert not state.do(claims.any_in_flight, "zeta")
    state.settle(claim, "later", delay=5000.0)
    assert not state.do(claims.any_in_flight, "acme")
    assert state.do(claims.next_due, "other", ACTIVE) is None
    assert state.do(claims.next_due, "main", ACTIVE) == state.clock.steady() + 5000
    assert not state.do(claims.any_due, "other", ACTIVE, state.clock.steady() + 5000)
    assert state.do(claims.any_due, "main", ACTIVE, state.clock.steady() + 5000)
    state.do(claims.recover, "other", now=NOW, steady=state.clock.steady())
    assert state.do(claims.next_due, "main", ACTIVE) == state.clock.steady() + 5000


def test_a_claim_says_all_that_the_second_guard_asks(state: State) -> None:
    state.accept(version("1"), old("2"))
    first, second = state.claim()
    assert (first.initial_sync, second.initial_sync) == (False, True)
    assert first.changed_at == NOW - 10 * MINUTE
    assert (first.facts.first_told_live, first.maybe_before, first.attempts) == (None, False, 1)
    assert first.why
    state.settle(first)
    state.settle(second)
    assert state.row("1").told_changed_at == NOW - 10 * MINUTE
    assert state.do(audit.timeline, "acme", "1")[-1].detail.startswith(first.why)
    state.accept(
        version("1", total=96, changed_at=NOW), old("2", total=96, changed_at=NOW - timedelta(days=20))
    )
    again = {claim.ref: claim for claim in state.claim(historical_updates="live")}
    assert (again["1"].facts.first_told_live, again["2"].facts.first_told_live) == (True, False)
    assert not again["2"].initial_sync


def test_the_second_guard_is_told_since_when_an_order_is_due(state: State) -> None:
    state.accept(version("1", due_since=NOW - timedelta(hours=3)), version("2", due_since=None))
    assert {claim.ref: claim.facts.due_since for claim in state.claim()} == {
        "1": NOW - timedelta(hours=3),
        "2": NOW,
    }


def test_what_the_second_guard_holds_back_is_counted_and_costs_nothing(state: State) -> None:
    state.accept(version("1"), version("2"))
    one, two = state.claim()
    state.settle(one, "prevented", delay=60.0)
    state.settle(two)
    facts = {name: state.do(stores.facts, name) for name in ACTIVE}
    assert {name: found.prevented for name, found in facts.items() if found} == {"acme": 1, "zeta": 0}
    assert usage(state).minute == 1


def test_the_numbering_is_fixed_when_the_first_order_goes_out(state: State) -> None:
    def numbering(store: str) -> str | None:
        found = state.do(stores.facts, store)
        assert found is not None
        return found.numbering

    state.accept(version("1"))
    assert numbering("acme") is None
    state.claim(numbering="offset 1000")
    assert (numbering("acme"), numbering("zeta")) == ("offset 1000", None)
    state.accept(version("2"))
    state.claim(numbering="native")
    assert numbering("acme") == "offset 1000"


def test_history_is_flagged_and_live_is_not(state: State) -> None:
    state.accept(version("1"), old("2"))
    assert [claim.initial_sync for claim in state.claim()] == [False, True]


def test_a_live_order_that_waited_too_long_is_flagged(state: State) -> None:
    state.accept(version("1"))
    state.clock.forward(86_400)
    [claim] = state.claim()
    assert claim.initial_sync
    state.settle(claim)
    assert state.row("1").told_live is False


def test_an_order_that_went_out_live_stays_live(state: State) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0])
    state.clock.forward(7 * 86_400)
    state.accept(version("1", total=96, changed_at=NOW + timedelta(days=6)))
    assert [claim.initial_sync for claim in state.claim()] == [False]


def test_addresses_that_privy_may_hold_are_remembered_from_the_claim_on(state: State) -> None:
    state.accept(version("1", addresses="billing_address"))
    [claim] = state.claim()
    assert state.row("1").told_addresses == "billing_address"
    state.accept(version("1", total=96, changed_at=NOW, addresses="shipping_address"))
    state.settle(claim, "later", maybe=True)
    [again] = state.claim()
    assert state.row("1").told_addresses == "billing_address shipping_address"
    state.settle(again)
    assert state.row("1").told_addresses == "shipping_address"


async def test_a_page_that_is_being_taken_and_a_claim_do_not_cross(state: State) -> None:
    """Else Privy would be sent a state that the outbox has just left, and never be told of the return."""
    state.accept(version("1"))
    state.settle(state.claim()[0])
    state.accept(version("1", total=96, changed_at=NOW))
    reading, go_on = threading.Event(), threading.Event()

    def take(connection: Connection) -> None:
        rows = acceptance.known(connection, "acme", ["1"])
        reading.set()
        assert go_on.wait(30)
        back = version("1", changed_at=NOW + MINUTE)
        clock = state.clock
        acceptance.accept(connection, "acme", "main", [back], rows, now=clock.now(), steady=clock.steady())

    def claim(connection: Connection) -> list[Claim]:
        steady, rules = state.clock.steady(), {"acme": sending_rules()}
        return claims.claim(connection, "main", rules, AMPLE, fixed=(), now=NOW, steady=steady, most=9)

    taking = asyncio.create_task(state.db.run(take))
    await asyncio.to_thread(reading.wait)
    claiming = asyncio.create_task(state.db.run(claim))
    await asyncio.wait([claiming], timeout=0.3)  # PostgreSQL answers at once, SQLite after the page
    go_on.set()
    await taking
    assert await claiming == []
    assert state.row("1").state == "delivered"
