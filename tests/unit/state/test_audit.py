"""Time-lines added up: the requests of the last day by hour, and what something happened to last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.model.states import EventKind
from connector.state import audit
from connector.state.audit import Event
from tests.state import NOW, State, open_state


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def sent(hours_ago: float, outcome: str, ref: str = "1", store: str = "acme") -> Event:
    return Event(NOW - timedelta(hours=hours_ago), store, ref, EventKind.SENT, outcome, "")


def test_requests_are_counted_by_the_hour_in_which_they_ended(state: State) -> None:
    state.do(
        audit.write,
        [
            *(sent(0, "delivered") for _ in range(3)),
            sent(0, "refused"),
            sent(1, "later"),
            sent(1, "unknown"),
            sent(1, "prevented"),  # never left
            sent(23, "delivered"),
            sent(24, "delivered"),  # before the hours that are asked for
            Event(NOW, "acme", "1", EventKind.SEEN, "delivered", ""),
        ],
    )
    hours = state.do(audit.hourly, NOW)
    assert len(hours) == 24
    assert [hour.at for hour in hours] == sorted(hour.at for hour in hours)
    assert hours[-1] == audit.Hour(at=NOW.replace(minute=0, second=0), delivered=3, refused=1)
    assert hours[-2] == audit.Hour(at=hours[-1].at - timedelta(hours=1), repeated=2)
    assert hours[0].delivered == 1
    assert sum(hour.delivered + hour.refused + hour.repeated for hour in hours) == 7


def test_the_orders_of_the_last_events_are_named_once_each(state: State) -> None:
    state.do(audit.write, [sent(0, "delivered", ref) for ref in ("1", "2", "3", "2")])
    state.do(audit.write, [sent(0, "delivered", "9", "zeta")])
    assert state.do(audit.latest, ["acme", "zeta"], 10) == [
        ("zeta", "9"), ("acme", "2"), ("acme", "3"), ("acme", "1"),
    ]  # fmt: skip
    assert state.do(audit.latest, ["acme"], 3) == [("acme", "2"), ("acme", "3")]
