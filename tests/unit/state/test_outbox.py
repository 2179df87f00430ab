"""The outbox: newest wins, unchanged costs nothing, one order's fault is one order's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from connector.state import audit
from connector.state.outbox import acceptance
from connector.state.outbox.schema import DISCARDED, OUTBOX
from tests.state import MINUTE, NOW, State, old, open_state, version

BIGGEST = 2**63 - 1
EARLIER = NOW - 20 * MINUTE


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def deliver(state: State) -> None:
    for claim in state.claim():
        state.settle(claim)


def test_a_new_order_waits(state: State) -> None:
    taken = state.accept(version("1"))
    assert (taken.changed, taken.waiting, taken.unchanged, taken.stale) == (["1"], 1, 0, 0)
    row = state.row("1")
    assert (row.state, row.hash, state.body("1")) == ("waiting", version("1").hash, version("1").body)
    assert (row.first_seen_at, row.placed_at) == (NOW, NOW - 10 * MINUTE)


def test_an_unchanged_order_costs_nothing(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    taken = state.accept(version("1", fetched_at=NOW + MINUTE))
    assert (taken.changed, taken.waiting, taken.unchanged) == ([], 0, 1)
    assert state.row("1").state == "delivered"
    assert state.claim() == []


def test_an_order_that_returns_to_what_privy_knows_costs_nothing(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    state.accept(version("1", total=96, changed_at=NOW))
    state.accept(version("1", changed_at=NOW + MINUTE))
    assert state.row("1").state == "delivered"
    assert state.claim() == []


def test_replay_sends_what_privy_knows_already(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    assert state.accept(version("1"), force=True).waiting == 1
    assert [claim.ref for claim in state.claim()] == ["1"]


def test_the_later_change_wins_whatever_comes_in_last(state: State) -> None:
    newer, older = version("1", total=96, changed_at=NOW), version("1", changed_at=EARLIER)
    state.accept(newer)
    taken = state.accept(older)
    assert (taken.changed, taken.stale) == ([], 1)
    assert state.row("1").hash == newer.hash
    assert "stale" in [event.outcome for event in state.do(audit.timeline, "acme", "1")]


def test_of_equal_changes_the_later_fetched_wins(state: State) -> None:
    silent = version("1", total=96, fetched_at=NOW + MINUTE)
    state.accept(version("1"))
    state.clock.forward(60)
    assert state.accept(silent).changed == ["1"]
    assert state.accept(version("1")).stale == 1
    assert state.row("1").hash == silent.hash


def test_replay_does_not_send_an_older_state(state: State) -> None:
    newer = version("1", total=96, changed_at=NOW)
    state.accept(newer)
    assert state.accept(version("1"), force=True).stale == 1
    assert state.row("1").hash == newer.hash


def test_a_clock_that_was_set_back_makes_no_silent_change_stale(state: State) -> None:
    state.accept(version("1"))
    state.clock.forward(-3 * 3600)
    assert state.accept(version("1", total=96, fetched_at=state.clock.now())).changed == ["1"]


def test_a_state_from_between_two_equal_ones_is_stale(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    taken = state.accept(version("1", changed_at=NOW, fetched_at=NOW + MINUTE))
    assert (taken.changed, taken.waiting, taken.unchanged) == (["1"], 0, 1)
    assert state.accept(version("1", total=96, changed_at=NOW - MINUTE)).stale == 1
    assert state.claim() == []


def test_within_a_page_the_newest_version_of_an_order_counts(state: State) -> None:
    newest = version("1", total=97, changed_at=NOW)
    state.accept(version("1", total=96), newest, version("1"), version("2"))
    assert state.row("1").hash == newest.hash
    assert sorted(claim.ref for claim in state.claim()) == ["1", "2"]


def test_changes_that_wait_together_are_one_call(state: State) -> None:
    for minute in range(5):
        state.accept(version("1", total=minute, changed_at=NOW + minute * MINUTE))
    [claim] = state.claim()
    state.settle(claim)
    assert b'"total":4' in claim.body
    assert state.claim() == []


def test_a_version_that_comes_while_one_is_in_flight_is_sent_after(state: State) -> None:
    state.accept(version("1"))
    [first] = state.claim()
    newer = version("1", total=96, changed_at=NOW)
    state.accept(newer)
    assert state.claim() == []
    state.settle(first)
    assert state.row("1").state == "waiting"
    [second] = state.claim()
    assert second.hash == newer.hash
    state.settle(second)
    assert state.row("1").state == "delivered"


def test_a_return_to_the_told_state_while_another_is_in_flight_is_sent(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    state.accept(version("1", total=96, changed_at=NOW))
    [other] = state.claim()
    state.accept(version("1", changed_at=NOW + MINUTE))
    state.settle(other)
    [back] = state.claim()
    assert back.hash == version("1").hash


def test_what_privy_refused_stays_failed_until_the_order_changes(state: State) -> None:
    state.accept(version("1"))
    state.settle(state.claim()[0], "refused", detail="422 email is invalid")
    again = version("1", changed_at=NOW, fetched_at=NOW + MINUTE)
    assert state.accept(again).waiting == 0
    row = state.row("1")
    assert (row.state, row.reason) == ("failed", "422 email is invalid")
    assert state.accept(version("1", total=96, changed_at=NOW + MINUTE)).waiting == 1
    assert (state.row("1").state, state.row("1").reason) == ("waiting", "")


def test_an_order_that_cannot_be_mapped_is_kept_with_its_reason(state: State) -> None:
    broken = version("1", state="failed", order_id=None, reason="currency: 'XXQ' is not known")
    assert state.accept(broken).waiting == 0
    assert (state.row("1").state, state.row("1").reason) == ("failed", broken.reason)
    assert state.accept(broken).unchanged == 1
    assert state.claim() == []


@pytest.mark.parametrize("mapped", [True, False])
def test_what_was_discarded_stays_so_until_the_order_changes(state: State, mapped: bool) -> None:
    def read(minutes: int, **changed: int) -> int:
        one = version("1", changed_at=NOW + minutes * MINUTE, fetched_at=NOW + timedelta(hours=1), **changed)
        broken = version("1", state="failed", order_id=None, reason="x", changed_at=one.changed_at)
        return len(state.accept(one if mapped else broken).changed)

    read(0)
    if mapped:
        state.settle(state.claim()[0], "refused", detail="422")
    state.do(lambda connection: connection.execute(update(OUTBOX).values(state="skipped", rule=DISCARDED)))
    assert read(0) == 0
    assert state.row("1").rule == DISCARDED
    assert read(1, total=96) == 1
    assert state.row("1").state == ("waiting" if mapped else "failed")


def test_a_number_that_another_order_has_fails_one_order_and_not_the_page(state: State) -> None:
    state.accept(version("1"), store="zeta")
    taken = state.accept(version("1"), version("2"), version("3", order_id=2), version("4"))
    assert taken.waiting == 2
    rows = {ref: state.row(ref) for ref in "1234"}
    assert {ref: row.state for ref, row in rows.items()} == {
        "1": "failed",
        "2": "waiting",
        "3": "failed",
        "4": "waiting",
    }
    assert rows["1"].reason == "order_id: 1 already belongs to order 1 of store zeta"
    assert rows["3"].reason == "order_id: 2 already belongs to order 2 of this store"
    assert [rows["1"].order_id, rows["3"].order_id] == [None, None]


def test_an_order_that_never_went_out_may_change_its_number(state: State) -> None:
    state.accept(version("1"))
    state.accept(version("1", order_id=1001, changed_at=NOW))
    assert (state.row("1").state, state.row("1").order_id) == ("waiting", 1001)


def test_a_number_that_is_not_the_one_sent_fails_the_order(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    state.accept(version("1", order_id=1001, changed_at=NOW))
    row = state.row("1")
    assert (row.state, row.order_id) == ("failed", 1)
    assert row.reason == "order_id: the order went out as 1 and cannot become 1001"


@pytest.mark.parametrize("number", [BIGGEST, 9007199254740993, 1])
def test_numbers_are_exact_to_the_last_digit(state: State, number: int) -> None:
    state.accept(version(str(number)))
    row = state.row(str(number))
    assert row.order_id == number
    [claim] = state.claim()
    assert claim.order_id == number
    assert b'"order_id":%d,' % number in claim.body


def test_a_page_of_a_hundred_is_taken_and_changed_as_one(state: State) -> None:
    refs = [str(number) for number in range(1, 101)]
    assert state.accept(*(version(ref) for ref in refs)).waiting == 100
    page = [version(ref, total=96 if int(ref) % 2 else 95, changed_at=NOW) for ref in refs]
    taken = state.accept(*page)
    assert (taken.waiting, taken.unchanged) == (50, 50)
    assert {ref: state.row(ref).hash for ref in refs} == {one.ref: one.hash for one in page}


def test_an_order_has_been_due_since_it_first_was(state: State) -> None:
    state.accept(version("1", due_since=EARLIER))
    state.accept(version("1", total=96, changed_at=NOW, due_since=NOW))
    assert state.row("1").due_since == EARLIER


def test_skipped_orders_name_their_rule(state: State) -> None:
    skip = version("1", state="skipped", order_id=None, rule="not-placed", reason="pending")
    state.accept(skip)
    assert (state.row("1").state, state.row("1").rule) == ("skipped", "not-placed")
    assert state.accept(skip).unchanged == 1
    state.accept(version("1", changed_at=NOW))
    assert (state.row("1").state, state.row("1").rule) == ("waiting", "")


def test_every_step_is_on_the_orders_time_line(state: State) -> None:
    state.accept(version("1"))
    [claim] = state.claim()
    state.settle(claim, detail="201")
    lines = [(one.kind, one.outcome) for one in state.do(audit.timeline, "acme", "1")]
    assert lines == [("seen", "waiting"), ("sent", "delivered")]


def test_a_return_to_what_privy_knows_says_so_on_the_time_line(state: State) -> None:
    state.accept(version("1"))
    deliver(state)
    state.accept(version("1", total=96, changed_at=NOW))
    state.accept(version("1", changed_at=NOW + MINUTE))
    last = state.do(audit.timeline, "acme", "1")[-1]
    assert last.outcome == "delivered"
    assert last.detail.endswith(": Privy already knows this payload")


def test_a_page_says_what_became_of_each_of_its_orders(state: State) -> None:
    state.accept(version("1"), version("2"), version("3"))
    deliver(state)
    taken = state.accept(
        version("1", changed_at=EARLIER),
        version("2", changed_at=EARLIER),
        version("3", changed_at=NOW),
        version("4"),
        old("5"),
        version("6", state="skipped", rule="test-order", reason="the shop says so"),
        version("7", state="skipped", rule="no-contact"),
        version("8", state="failed", reason="total: is no amount"),
    )
    assert {(one.ref, one.outcome, one.lane, one.rule, one.reason) for one in taken.results} == {
        ("1", "stale", "live", "", ""),
        ("2", "stale", "live", "", ""),
        ("3", "unchanged", "live", "", ""),
        ("4", "waiting", "live", "", ""),
        ("5", "waiting", "history", "", ""),
        ("6", "skipped", "", "test-order", "the shop says so"),
        ("7", "skipped", "", "no-contact", ""),
        ("8", "failed", "", "", "total: is no amount"),
    }
    assert (taken.stale, taken.unchanged, taken.waiting) == (2, 1, 2)
    said = {ref: state.do(audit.timeline, "acme", ref)[-1].detail for ref in "45678"}
    assert said["4"] == "by test, changed 2026-06-02T11:50:30Z: to be sent in the live lane, no / no status"
    assert said["5"].endswith("to be sent in the history lane, no / no status")
    assert said["6"].endswith(": skipped by rule test-order (the shop says so)")
    assert said["7"].endswith(": skipped by rule no-contact")
    assert said["8"].endswith(": cannot be sent: total: is no amount")
    state.accept(version("4", total=96, changed_at=EARLIER))
    assert state.do(audit.timeline, "acme", "4")[-1].detail.endswith("older than what is known, left out")


def test_stores_keep_to_their_own_rows(state: State) -> None:
    """Two shops have an order of the same id; what happens to one leaves the other alone."""
    state.accept(version("1", order_id=1))
    state.accept(version("1", order_id=10**9 + 1), store="zeta")
    before = state.row("1", "zeta")
    state.accept(version("1", order_id=1, total=96, changed_at=NOW))
    for claim in state.claim(resting=("zeta",)):
        state.settle(claim)
    state.accept(version("1", order_id=1, total=96, changed_at=NOW + MINUTE, fetched_at=NOW + MINUTE))
    touched = state.row("1")
    assert (touched.changed_at, touched.fetched_at) == (NOW + MINUTE, NOW + MINUTE)
    assert state.row("1", "zeta") == before
    state.accept(version("2"), version("3"))
    state.accept(version("3", changed_at=NOW + MINUTE))
    assert state.row("2").changed_at == version("2").changed_at


def test_accounts_may_use_the_same_numbers(state: State) -> None:
    state.accept(version("1", order_id=7))
    accepted = state.do(
        lambda connection: acceptance.accept(
            connection,
            "zeta",
            "other",
            [version("9", order_id=7)],
            {},
            now=NOW,
            steady=NOW.timestamp(),
        )
    )
    assert [one.outcome for one in accepted.results] == ["waiting"]


def test_an_order_without_its_number_is_kept_without_a_body(state: State) -> None:
    state.accept(version("1", order_id=7))
    state.accept(version("2", order_id=7, rule="left-over"))
    row = state.row("2")
    assert (row.state, row.order_id, state.body(row.ref), row.hash, row.rule) == (
        "failed",
        None,
        None,
        None,
        "",
    )


def test_counts_add_up_per_store_state_lane_and_rule(state: State) -> None:
    state.accept(version("1"), version("2"), old("3"), version("4", state="skipped", rule="no-contact"))
    state.accept(version("1", order_id=10**9 + 1), store="zeta")
    acme = {
        ("acme", "waiting", "live", "", 2),
        ("acme", "waiting", "history", "", 1),
        ("acme", "skipped", "live", "no-contact", 1),
    }
    assert set(map(tuple, state.do(acceptance.counts, "acme"))) == acme
    assert set(map(tuple, state.do(acceptance.counts))) == acme | {("zeta", "waiting", "live", "", 1)}


def test_an_order_that_was_fetched_on_its_own_is_noted_alone(state: State) -> None:
    state.accept(version("1"), version("2"))
    state.accept(version("1", order_id=10**9 + 1), store="zeta")
    state.do(acceptance.looked, "acme", "1", 7.5)
    looked = [state.row("1").looked_at, state.row("2").looked_at, state.row("1", "zeta").looked_at]
    assert looked == [7.5, None, None]
