"""The one formula of waits."""

from __future__ import annotations

import pytest

from connector.model.backoff import Backoff

BACKOFF = Backoff(5.0, 300.0)


@pytest.mark.parametrize(
    ("failures", "most"), [(0, 5.0), (1, 5.0), (2, 10.0), (3, 20.0), (7, 300.0), (5000, 300.0)]
)
def test_a_wait_doubles_up_to_the_longest_and_is_a_little_random(failures: int, most: float) -> None:
    waits = [BACKOFF.wait(failures) for _ in range(200)]
    assert max(waits) <= most
    assert min(waits) >= 0.75 * most
    assert len(set(waits)) > 1
