"""No mail about old orders: the decision, and the second guard that does not trust it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.lanes import GRACE, decide, may_send

LIVE_FROM = datetime(2026, 6, 1, tzinfo=UTC)
OLD = LIVE_FROM - timedelta(seconds=1)
DAY = timedelta(days=1)


def facts(**changed: Any) -> dict[str, Any]:
    return {
        "placed_at": LIVE_FROM,
        "live_from": LIVE_FROM,
        "first_told_live": None,
        "historical_updates": "history",
        "due_since": LIVE_FROM,
        "now": LIVE_FROM,
        "live_window": DAY,
    } | changed


def flag(**changed: Any) -> bool:
    lane = decide(**facts(**changed))
    assert lane.lane == ("history" if lane.initial_sync else "live")
    assert lane.reason
    return lane.initial_sync


@pytest.mark.parametrize("told", [None, False, True])
def test_an_order_placed_before_the_store_went_live_is_always_history(told: bool | None) -> None:
    assert flag(placed_at=OLD, first_told_live=told) is True


def test_updates_of_an_old_order_are_live_only_where_the_store_says_so_and_privy_has_it() -> None:
    assert flag(placed_at=OLD, historical_updates="live", first_told_live=None) is True
    assert flag(placed_at=OLD, historical_updates="live", first_told_live=False) is False


def test_a_younger_order_is_live_whichever_way_it_came_in() -> None:
    assert flag(placed_at=LIVE_FROM) is False


def test_a_new_order_that_waited_longer_than_the_window_is_late() -> None:
    assert flag(now=LIVE_FROM + DAY) is False
    late = decide(**facts(now=LIVE_FROM + DAY + timedelta(seconds=1)))
    assert (late.lane, late.initial_sync) == ("history", True)
    assert late.reason.startswith("late: ")


def test_an_order_once_told_live_stays_live_however_late_its_update() -> None:
    assert flag(first_told_live=True, now=LIVE_FROM + 9 * DAY) is False


def test_an_order_first_told_late_keeps_its_flag_unless_the_store_lifts_it() -> None:
    assert flag(first_told_live=False) is True
    assert flag(first_told_live=False, historical_updates="live") is False


def test_the_guard_stops_a_live_body_for_an_old_order() -> None:
    assert not may_send(body_initial_sync=False, **facts(placed_at=OLD))
    assert not may_send(body_initial_sync=False, **facts(placed_at=OLD, historical_updates="live"))
    assert not may_send(body_initial_sync=False, **facts(placed_at=OLD, first_told_live=True))
    assert not may_send(body_initial_sync=False, **facts(now=LIVE_FROM + 2 * DAY))
    assert not may_send(body_initial_sync=False, **facts(first_told_live=False))


def test_the_guard_lets_an_order_that_became_late_on_its_way_go_for_the_grace_and_no_longer() -> None:
    last = LIVE_FROM + DAY + GRACE
    assert may_send(body_initial_sync=False, **facts(now=last))
    assert not may_send(body_initial_sync=False, **facts(now=last + timedelta(microseconds=1)))


moments = st.integers(-3, 3).map(lambda hours: LIVE_FROM + timedelta(hours=hours))


@given(
    placed_at=moments,
    first_told_live=st.sampled_from([None, False, True]),
    historical_updates=st.sampled_from(["history", "live"]),
    due_since=moments,
    now=moments,
)
def test_the_guard_lets_through_what_was_decided_and_never_more(**changed: Any) -> None:
    given_facts = facts(live_window=timedelta(hours=1), **changed)
    decided = decide(**given_facts).initial_sync
    assert may_send(body_initial_sync=True, **given_facts)
    if not decided:
        assert may_send(body_initial_sync=False, **given_facts)
        later = given_facts | {"now": given_facts["now"] + GRACE}
        assert may_send(body_initial_sync=False, **later)
    else:
        assert not may_send(body_initial_sync=False, **given_facts)


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
    assert decide(**facts(**changed)).reason == reason
