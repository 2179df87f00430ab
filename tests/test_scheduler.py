"""The timetable keeps its pace when the machine's clock is set, hours forward or back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import apscheduler.schedulers.base
import pytest

import connector.clock
import connector.scheduler
from connector.clock import Clock
from connector.scheduler import SteadyScheduler
from tests.program import until

OFTEN = 0.05  # seconds


class Wall(datetime):
    """The wall clock of this process, set by the test."""

    set_by = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Wall:
        return cls.fromtimestamp(datetime.now(UTC).timestamp(), tz) + cls.set_by


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wall]]:
    for module in (apscheduler.schedulers.base, connector.clock, connector.scheduler):
        monkeypatch.setattr(module, "datetime", Wall)
    yield Wall
    Wall.set_by = timedelta()


@pytest.mark.parametrize("hours", [-30, -3, 3, 30])
async def test_a_wall_clock_that_is_set_neither_stalls_nor_bursts(wall: type[Wall], hours: int) -> None:
    scheduler = SteadyScheduler(Clock())
    often: list[float] = []
    hourly: list[float] = []
    time = asyncio.get_running_loop().time

    async def work(calls: list[float]) -> None:
        calls.append(time())

    for calls, seconds in ((often, OFTEN), (hourly, 3600)):
        scheduler.add_job(work, "interval", [calls], seconds=seconds, coalesce=True, misfire_grace_time=None)
    began = time()
    scheduler.start()
    await until(lambda: len(often) >= 3)

    wall.set_by = timedelta(hours=hours)

    before = len(often)
    await until(lambda: len(often) >= before + 5)
    assert hourly == []
    scheduler.shutdown(wait=False)
    assert time() - began > OFTEN * (len(often) - 1)
