"""Looking an order up: by what the shop, the merchant or Privy calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.state.outbox import queries
from tests.state import MINUTE, NOW, State, open_state, version


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def found(state: State, wanted: str, stores: tuple[str, ...] = ("acme", "zeta")) -> list[tuple[str, str]]:
    return [(one.store, one.ref) for one in state.do(queries.search, stores, wanted)]


def test_an_order_is_found_by_its_id_its_number_and_its_order_id(state: State) -> None:
    state.accept(version("17", number="#1001", order_id=900017), version("18"))
    for wanted in ("17", "1001", "#1001", "900017"):
        assert found(state, wanted) == [("acme", "17")]
    for wanted in ("1", "100", "ACME", "", "#", "9" * 30, "٣"):
        assert found(state, wanted) == []


def test_the_id_comes_before_the_number_of_another_order(state: State) -> None:
    state.accept(version("17", number="18", order_id=18), version("18", number="17", order_id=17))
    assert found(state, "17") == [("acme", "17"), ("acme", "18")]
    assert state.do(queries.find, "acme", "17") == "17"


def test_only_the_stores_that_were_named_are_searched(state: State) -> None:
    state.accept(version("17", number="5", order_id=1))
    state.accept(version("17", number="5", order_id=2), store="zeta")
    assert found(state, "5") == [("acme", "17"), ("zeta", "17")]
    assert found(state, "5", ("zeta",)) == [("zeta", "17")]
    assert found(state, "1", ("zeta",)) == []


def test_orders_are_listed_by_what_became_of_them_and_by_a_note(state: State) -> None:
    state.accept(
        version("1", state="skipped", rule="no-contact", notes="phone-unparsable"),
        version("2", state="skipped", rule="test-order", changed_at=NOW - 5 * MINUTE),
        version("3", notes="unknown-status:on_hold phone-unparsable"),
        version("4", notes="phone-unparsable-too"),
    )
    state.accept(version("1", state="skipped", rule="no-contact", order_id=77), store="zeta")

    def listed(note: str = "", **like: str) -> list[str]:
        return [one.ref for one in state.do(queries.listed, "acme", like, note)]

    assert listed(state="skipped") == ["2", "1"]
    assert listed(state="skipped", rule="no-contact") == ["1"]
    assert listed(state="waiting", lane="live") == ["3", "4"]
    assert listed("phone-unparsable") == ["1", "3"]
    assert listed("unknown-status:on_hold") == ["3"]
    assert listed("unknown-status:on%hold") == []
    assert listed("phone") == []
