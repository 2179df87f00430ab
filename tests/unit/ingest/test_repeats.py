"""A signed push that is sent again byte for byte is recognised for as long as its time stamp counts."""

from __future__ import annotations

import asyncio

import pytest

from connector.ingest.repeats import KEPT_SECONDS, MOST, Repeats
from connector.model.errors import StateError


class Taker:
    def __init__(self) -> None:
        self.taken = 0
        self.fault: Exception | None = None

    async def take(self) -> int:
        self.taken += 1
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return self.taken


async def test_a_repeat_is_answered_as_before_and_not_taken_also_while_the_first_is() -> None:
    repeats, taker = Repeats[int](), Taker()
    together = [repeats.once("house", "abc", 0.0, taker.take) for _ in range(3)]
    assert await asyncio.gather(*together) == [1, 1, 1]
    assert await repeats.once("house", "abc", KEPT_SECONDS, taker.take) == 1
    assert await repeats.once("other", "abc", 0.0, taker.take) == 2
    assert await repeats.once("house", "abd", 0.0, taker.take) == 3
    assert await repeats.once("house", "abc", KEPT_SECONDS + 1, taker.take) == 4


async def test_what_is_not_signed_is_always_taken() -> None:
    repeats, taker = Repeats[int](), Taker()
    assert [await repeats.once("house", "", 0.0, taker.take) for _ in range(2)] == [1, 2]


async def test_what_could_not_be_taken_is_taken_the_next_time() -> None:
    repeats, taker = Repeats[int](), Taker()
    taker.fault = StateError("full")
    for _ in range(2):
        with pytest.raises(StateError):
            await repeats.once("house", "abc", 0.0, taker.take)
    taker.fault = None
    assert await repeats.once("house", "abc", 0.0, taker.take) == 3


async def test_what_is_kept_is_bounded() -> None:
    repeats, taker = Repeats[int](), Taker()
    for number in range(MOST + 10):
        await repeats.once("house", str(number), 0.0, taker.take)
    assert await repeats.once("house", str(MOST + 9), 0.0, taker.take) == MOST + 10
    assert await repeats.once("house", "0", 0.0, taker.take) == MOST + 11
