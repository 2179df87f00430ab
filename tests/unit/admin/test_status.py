"""How long calls take, by the limits that hold."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.admin.pace import calls_take
from connector.model.limits import Limits
from connector.state.quota import Usage

STATED = {"minute_limit_seen": 60, "day_limit_seen": 10_000}
UNUSED = Usage(minute=0, day=0, day_live=0, minute_left_seen=None, day_left_seen=None)


def used(**changed: int) -> Usage:
    values = {name: getattr(UNUSED, name) for name in UNUSED.__struct_fields__}
    return Usage(**values | changed)


@pytest.mark.parametrize(
    ("calls", "use", "takes"),
    [
        (0, UNUSED, timedelta()),
        (58, used(**STATED), timedelta(minutes=1)),
        (9_000, used(**STATED), timedelta(days=1, minutes=10 / 58)),
        (
            580,
            used(**STATED, day_left_seen=1000),
            timedelta(days=1, minutes=10),
        ),
        (580, used(**STATED, day_left_seen=1580), timedelta(minutes=10)),
    ],
)
def test_an_end_is_reckoned_from_what_privy_grants(calls: int, use: Usage, takes: timedelta) -> None:
    limits = Limits(per_minute=600, per_day=100_000)
    assert calls_take(calls, limits, use) == takes
