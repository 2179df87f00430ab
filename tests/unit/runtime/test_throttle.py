"""What strangers can set off by the thousand is one line of the log a minute."""

from __future__ import annotations

from connector.runtime.throttle import MOST_KEPT, SECONDS, Throttle


def test_one_line_about_each_thing_in_a_while_and_a_count_of_the_others() -> None:
    throttle = Throttle()
    assert throttle.due("a", 0.0) == 0
    assert [throttle.due("a", at) for at in (1.0, 2.0, SECONDS - 0.1)] == [None, None, None]
    assert throttle.due("b", 3.0) == 0
    assert throttle.due("a", SECONDS) == 3
    assert throttle.due("a", 2 * SECONDS) == 0


def test_what_is_remembered_is_bounded() -> None:
    throttle = Throttle()
    for number in range(2 * MOST_KEPT):
        throttle.due(str(number), 0.0)
    assert throttle.due(str(2 * MOST_KEPT - 1), 0.0) is None
    assert throttle.due("0", 0.0) == 0
