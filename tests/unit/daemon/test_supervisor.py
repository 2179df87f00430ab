"""Whatever ends a unit of work is its store's trouble, is tried again, and is over with the next success."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import structlog.testing

from connector.daemon.supervisor import Supervisor, Unit
from connector.model.backoff import Backoff
from connector.model.errors import AuthError, StateError, Unavailable
from connector.model.states import BreakerKind, BreakerScope
from connector.state import breakers
from tests.state import State, open_state

UNITS = [
    Unit(scope, "" if scope.owner == "program" else "main" if scope.owner == "account" else "acme")
    for scope in BreakerScope
    if scope not in (BreakerScope.STORE, BreakerScope.ACCOUNT)
]


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def pause(state: State, unit: Unit) -> breakers.Pause | None:
    return state.do(breakers.get, unit.scope, unit.name)


class Work:
    """Ends with these faults, one a time, and then well."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.done = 0

    async def __call__(self) -> float | None:
        self.done += 1
        if self.faults:
            raise self.faults.pop(0)
        return None


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.scope)
async def test_an_exception_that_nobody_foresaw_is_kept_and_tried_again(state: State, unit: Unit) -> None:
    supervisor = Supervisor(state.db, state.clock)
    with structlog.testing.capture_logs() as logs:
        wait = await supervisor.run(unit, Work(KeyError("ann@shop.example")))
    kept = pause(state, unit)
    assert kept is not None
    assert kept.kind is BreakerKind.INTERNAL
    assert kept.lasts
    assert "internal fault (KeyError at test_supervisor.py:" in kept.message
    assert wait is not None
    assert 1 < wait < 10
    (said,) = [one for one in logs if one["event"] == "unit.fault"]
    assert "__call__" in said["at"][-1]
    assert "ann@shop.example" not in f"{logs}{kept}"


async def test_a_trouble_is_over_with_the_next_success_also_one_of_an_earlier_process(state: State) -> None:
    unit = Unit(BreakerScope.RECONCILE, "acme")
    await Supervisor(state.db, state.clock).run(unit, Work(ValueError()))
    supervisor = Supervisor(state.db, state.clock)
    await supervisor.recover()
    assert supervisor.troubled(BreakerScope.RECONCILE) == {"acme"}
    assert await supervisor.run(unit, Work()) is None
    assert pause(state, unit) is None


async def test_what_waits_for_work_goes_on_after_a_fault(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.daemon.supervisor.SOON", Backoff(0.01, 0.01))
    unit, wake = Unit(BreakerScope.BACKFILL, "acme"), asyncio.Event()
    work = Work(Unavailable("no answer"), StateError("busy"))
    supervisor = Supervisor(state.db, state.clock)
    supervisor.attend(unit, work, wake)
    wake.set()
    async with asyncio.timeout(10):
        while work.done < 3 or pause(state, unit) is not None:
            await asyncio.sleep(0.01)
    await supervisor.stop(5)


async def test_a_refused_key_is_the_shops_and_said_once(state: State) -> None:
    supervisor = Supervisor(state.db, state.clock)
    with structlog.testing.capture_logs() as logs:
        for scope in (BreakerScope.BACKFILL, BreakerScope.RECONCILE, BreakerScope.OPEN) * 3:
            await supervisor.run(Unit(scope, "acme"), Work(AuthError("the key is refused")))
    assert [one["event"] for one in logs] == ["shop.lost"]
    kept = pause(state, Unit(BreakerScope.SHOP, "acme"))
    assert kept is not None
    assert kept.strikes == 1  # and so the poll finds out soon when it is good again


async def test_a_unit_that_is_refused_where_the_poll_is_not_has_a_trouble_of_its_own(state: State) -> None:
    unit = Unit(BreakerScope.BACKFILL, "acme")
    supervisor = Supervisor(state.db, state.clock)
    for _ in range(2):
        await supervisor.run(unit, Work(AuthError("this key may not read the past")))
        state.do(breakers.succeed, BreakerScope.SHOP, "acme")  # a poll
    kept = pause(state, unit)
    assert kept is not None
    assert kept.message == "reading the shop's past: this key may not read the past"


async def test_stopping_waits_for_what_must_finish_and_cuts_off_the_rest(state: State) -> None:
    ended: list[str] = []
    free = asyncio.Event()

    async def finishing() -> None:
        await free.wait()
        ended.append("finished")

    async def resting() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cut off")

    supervisor = Supervisor(state.db, state.clock)
    running = [
        asyncio.create_task(supervisor.run(Unit(BreakerScope.SHOP, "acme"), finishing)),
        asyncio.create_task(supervisor.run(Unit(BreakerScope.OPEN, "acme"), resting, cut=True)),
    ]
    await asyncio.sleep(0)
    stopping = asyncio.create_task(supervisor.stop(3600))
    while not ended:
        await asyncio.sleep(0)
    free.set()
    await asyncio.gather(stopping, *running)
    assert ended == ["cut off", "finished"]
    assert await supervisor.run(Unit(BreakerScope.SHOP, "acme"), finishing) is None  # begins nothing more
