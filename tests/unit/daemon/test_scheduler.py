"""The timetable: its pace when the machine's clock is set hours forward or back, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import apscheduler.schedulers.base
import pytest

import connector.daemon.scheduler
import connector.runtime.clock
from connector.daemon.app import App
from connector.daemon.scheduler import SteadyScheduler, Timetable
from connector.daemon.supervisor import Supervisor
from connector.runtime.clock import Clock
from connector.settings import loader
from tests.privy import running_sandbox
from tests.program import STORE, TOKEN, Front, Program, until
from tests.shops.vendure.contract import stand_in

OFTEN = 0.05  # seconds


class Wall(datetime):
    """The wall clock of this process, set by the test."""

    set_by = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Wall:
        return cls.fromtimestamp(datetime.now(UTC).timestamp(), tz) + cls.set_by


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wall]]:
    for module in (apscheduler.schedulers.base, connector.runtime.clock, connector.daemon.scheduler):
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


def asks_for_ids(request: Mapping[str, Any]) -> bool:
    """Whether this is a sweep's, which names the orders that it wants."""
    options = request["variables"].get("options")
    return options is not None and "id" in options["filter"]["_and"][-1]


async def test_an_end_does_not_wait_for_a_sweep_that_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in() as stand:
        front = Front("vendure", {"api_key": stand.shop.key}, {})
        async with running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox:
            program = Program(tmp_path, shop=stand.url, privy=sandbox.base_url, token=TOKEN, front=front)
            program.store["reconcile"] = {"open_every": "10s", "per_minute": 1}
            program.write()
            stand.place(2)
            await program.good("backfill", "--since", "2020-01-01")
            for name, value in program.variables.items():
                monkeypatch.setenv(name, value)
            monkeypatch.chdir(tmp_path)
            async with App(loaded := loader.load(program.path), starts=loaded.settings.stores) as app:
                await app.recover()
                supervisor = Supervisor(app.db, app.clock)
                timetable = Timetable(app, supervisor)
                timetable.start()
                await until(lambda: any(asks_for_ids(request) for request in stand.shop.requests))
                await until(lambda: not app.shops[STORE].lock.locked())
                async with asyncio.timeout(30):  # the sweep would rest for a minute
                    await timetable.stop()
                    await supervisor.stop(3600.0)
