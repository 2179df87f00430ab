"""No mail about old orders: the decision, and the second guard that does not trust it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.lanes import GRACE, decide, may_send
from connector.model.facts import LaneFacts, LaneRules

LIVE_FROM = datetime(2026, 6, 1, tzinfo=UTC)
OLD = LIVE_FROM - timedelta(seconds=1)
DAY = timedelta(days=1)


def facts(**changed: Any) -> tuple[LaneRules, LaneFacts, datetime]:
    """What ``decide`` and ``may_send`` are given, with some of it changed."""
    known = {
        "placed_at": LIVE_FROM,
        "live_from": LIVE_FROM,
        "first_told_live": None,
        "historical_updates": "history",
        "due_since": LIVE_FROM,
        "now": LIVE_FROM,
        "live_window": DAY,
    } | changed
    return (
        LaneRules(**{name: known[name] for name in LaneRules.__struct_fields__}),
        LaneFacts(**{name: known[name] for name in LaneFacts.__struct_fields__}),
        known["now"],
    )


def flag(**changed: Any) -> bool:
    lane = decide(*facts(**changed))
    assert lane.lane == ("history" if lane.initial_sync else "live")
    assert lane.reason
    return lane.initial_sync


@pytest.mark.parametrize("told", [None, False, True])
def test_an_order_placed_before_the_store_went_live_is_always_history(told: bool | None) -> None:
    assert flag(placed_at=OLD, first_told_live=told) is True


def test_updates_of_an_old_order_are_live_only_where_the_store_says_so_and_privy_has_it() -> None:
    assert flag(placed_at=OLD, historical_updates="live", first_told_live=None) is True
    assert flag(placed_at=OLD, historical_updates="live", first_told_live=False) is False


@pytest.mark.parametrize("told", [None, False, True])
def test_before_its_store_went_live_every_order_is_history(told: bool | None) -> None:
    assert flag(live_from=None, placed_at=LIVE_FROM + 9 * DAY, first_told_live=told) is True
    assert not may_send(*facts(live_from=None, first_told_live=told), initial_sync=False)


def test_a_younger_order_is_live_whichever_way_it_came_in() -> None:
    assert flag(placed_at=LIVE_FROM) is False


def test_a_new_order_that_waited_longer_than_the_window_is_late() -> None:
    assert flag(now=LIVE_FROM + DAY) is False
    late = decide(*facts(now=LIVE_FROM + DAY + timedelta(seconds=1)))
    assert (late.lane, late.initial_sync) == ("history", True)
    assert late.reason.startswith("late: ")


def test_an_order_once_told_live_stays_live_however_late_its_update() -> None:
    assert flag(first_told_live=True, now=LIVE_FROM + 9 * DAY) is False


def test_an_order_first_told_late_keeps_its_flag_unless_the_store_lifts_it() -> None:
    assert flag(first_told_live=False) is True
    assert flag(first_told_live=False, historical_updates="live") is False


def test_the_guard_stops_a_live_body_for_an_old_order() -> None:
    assert not may_send(*facts(placed_at=OLD), initial_sync=False)
    assert not may_send(*facts(placed_at=OLD, historical_updates="live"), initial_sync=False)
    assert not may_send(*facts(placed_at=OLD, first_told_live=True), initial_sync=False)
    assert not may_send(*facts(now=LIVE_FROM + 2 * DAY), initial_sync=False)
    assert not may_send(*facts(first_told_live=False), initial_sync=False)


def test_the_guard_lets_an_order_that_became_late_on_its_way_go_for_the_grace_and_no_longer() -> None:
    last = LIVE_FROM + DAY + GRACE
    assert may_send(*facts(now=last), initial_sync=False)
    assert not may_send(*facts(now=last + timedelta(microseconds=1)), initial_sync=False)


moments = st.integers(-3, 3).map(lambda hours: LIVE_FROM + timedelta(hours=hours))


@given(
    placed_at=moments,
    live_from=st.sampled_from([LIVE_FROM, None]),
    first_told_live=st.sampled_from([None, False, True]),
    historical_updates=st.sampled_from(["history", "live"]),
    due_since=moments,
    now=moments,
)
def test_the_guard_lets_through_what_was_decided_and_never_more(**changed: Any) -> None:
    rules, order, now = facts(live_window=timedelta(hours=1), **changed)
    decided = decide(rules, order, now).initial_sync
    assert may_send(rules, order, now, initial_sync=True)
    if not decided:
        assert may_send(rules, order, now, initial_sync=False)
        assert may_send(rules, order, now + GRACE, initial_sync=False)
    else:
        assert not may_send(rules, order, now, initial_sync=False)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"placed_at": OLD}, "placed 2026-05-31 23:59Z, before the store went live (2026-06-01 00:00Z)"),
        (
            {"placed_at": OLD, "first_told_live": False, "historical_updates": "live"},
            "placed 2026-05-31 23:59Z, before the store went live (2026-06-01 00:00Z), but Privy has the "
            "order and historical_updates is live",
        ),
        ({}, "placed 2026-06-01 00:00Z, after the store went live (2026-06-01 00:00Z)"),
        (
            {"now": LIVE_FROM + 2 * DAY},
            "late: it has been waiting since 2026-06-01 00:00Z, longer than live_window",
        ),
        ({"first_told_live": True}, "Privy was told of the order as a live one"),
        (
            {"first_told_live": False, "historical_updates": "live"},
            "first told late, as initial_sync, but historical_updates is live",
        ),
        ({"first_told_live": False}, "first told late, as initial_sync, and its updates stay so"),
    ],
)
def test_each_decision_says_why(changed: dict[str, Any], reason: str) -> None:
    """The operator reads it in the order's time-line."""
    assert decide(*facts(**changed)).reason == reason
