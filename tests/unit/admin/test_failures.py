"""Failed orders by reason; what becomes of them is in ``test_end_to_end`` and ``test_page``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.model.facts import Version
from connector.state.outbox import failed_orders
from tests.state import MINUTE, NOW, State, open_state, version


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def failed(ref: str, reason: str, minutes_ago: int = 10) -> Version:
    return version(ref, state="failed", reason=reason, changed_at=NOW - minutes_ago * MINUTE)


def test_failed_orders_are_grouped_by_store_and_reason_the_most_first(state: State) -> None:
    state.accept(failed("1", "email: is required", 30), failed("2", "email: is required", 20), version("3"))
    state.accept(failed("4", "total: is negative"))
    state.accept(failed("11", "email: is required"), store="zeta")
    groups = state.do(failed_orders.groups, ["acme", "zeta"])
    assert [(one.store, one.reason, one.count) for one in groups] == [
        ("acme", "email: is required", 2),
        ("acme", "total: is negative", 1),
        ("zeta", "email: is required", 1),
    ]
    assert (groups[0].oldest, groups[0].newest) == (NOW - 30 * MINUTE, NOW - 20 * MINUTE)
    assert groups[0].key == groups[2].key != groups[1].key
    assert [one.store for one in state.do(failed_orders.groups, ["zeta"])] == ["zeta"]


def test_failed_orders_are_listed_the_last_changed_first(state: State) -> None:
    state.accept(failed("1", "b", 30), failed("2", "b", 20), failed("3", "a", 40), version("4"))
    assert [one.ref for one in state.do(failed_orders.listed)] == ["3", "2", "1"]
    assert [one.ref for one in state.do(failed_orders.listed, "acme", "b")] == ["2", "1"]
    assert [one.ref for one in state.do(failed_orders.listed, "acme", "b", most=1)] == ["2"]
    assert state.do(failed_orders.listed, "zeta") == []
