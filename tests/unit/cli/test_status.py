"""What `status` says in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.admin.status import Trouble
from connector.cli.status import next_try
from tests.state import NOW


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "the next try is now"),
        (-5.0, "the next try is now"),
        (37.0, "the next try is at 12:01:07Z, in 37 s"),
        (3600.0, "the next try is at 13:00:30Z, in 1 h 0 min"),
    ],
)
def test_a_pause_says_when_it_ends(seconds: float, words: str) -> None:
    until = NOW + timedelta(seconds=seconds)
    trouble = Trouble(kind="limit", lasting=False, message="429", since=NOW, until=until)
    assert next_try(trouble, NOW) == words
