"""The one supervisor: units of work run as guarded tasks, and whatever ends one becomes its trouble.

A fault is kept as the trouble of the unit's store or account, is tried again after the breaker's wait, and is
over with the unit's next success. Stopping waits for what must finish and ends what may be cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import structlog

from connector.model.backoff import Backoff
from connector.model.errors import AuthError
from connector.model.states import BreakerKind, BreakerScope
from connector.runtime import faults
from connector.runtime.clock import Clock
from connector.state import breakers, troubles
from connector.state.database import Database

log = structlog.get_logger()

SOON = Backoff(2.0, 2.0)  # after a first fault, however patient its breaker is
OWN = (BreakerScope.SHOP, BreakerScope.INBOX)  # these end their troubles themselves, with what they commit
READING = (BreakerScope.BACKFILL, BreakerScope.RECONCILE, BreakerScope.OPEN, BreakerScope.SUBSCRIPTIONS)

T = TypeVar("T")
Work = Callable[[], Awaitable[float | None]]


class Unit(msgspec.Struct, frozen=True):
    """A unit of work: what is done, and for which store or account (empty: for all)."""

    scope: BreakerScope
    name: str = ""


class Supervisor:
    """Of one App's units of work. ``stopping`` is set when nothing more is to be begun."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self.stopping = asyncio.Event()
        self._tasks: dict[asyncio.Task[Any], bool] = {}
        self._attended: dict[Unit, asyncio.Event] = {}
        self._troubled: set[Unit] = set()
        self._refused: set[Unit] = set()

    async def recover(self) -> None:
        """After a start: learn which units were in trouble when the program ended. Raises StateError."""
        known = await self._db.run(breakers.every)
        self._troubled = {Unit(one.scope, one.name) for one in known}

    def troubled(self, scope: BreakerScope) -> set[str]:
        """The stores or accounts that are in trouble there."""
        return {unit.name for unit in self._troubled if unit.scope is scope}

    async def run(self, unit: Unit, work: Work, *, cut: bool = False) -> float | None:
        """Do ``work`` once, to its end even if the caller is cancelled; with ``cut`` stopping cuts it off.

        Returns in how many seconds it is to be done again: as it says, or after a fault; None for neither.
        """
        if self.stopping.is_set():
            return None
        task = self._begin(self.guarded(unit, work), cut)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            return None  # the scheduler was shut down; ``stop`` waits for the task itself

    def attend(self, unit: Unit, work: Work, wake: asyncio.Event, *, cut: bool = False) -> None:
        """Do ``work`` whenever ``wake`` is set, and when it or a fault asks to be done again.

        Only one of a unit is ever at work; attending it again changes nothing.
        """
        if unit not in self._attended and not self.stopping.is_set():
            self._attended[unit] = wake
            self._begin(self._attend(unit, work, wake), cut)

    async def guarded(self, unit: Unit, work: Work) -> float | None:
        """Do ``work`` here and now; any exception becomes the unit's trouble. Returns as ``run`` does."""
        try:
            wait = await work()
            if unit in self._troubled and unit.scope not in OWN:
                await troubles.end(self._db, unit.scope, unit.name)
                self._troubled.discard(unit)
        except Exception as error:
            return await self._failed(unit, error)
        return wait

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, cut off what may be, and give the rest ``seconds`` to finish."""
        self.stopping.set()
        for wake in self._attended.values():
            wake.set()
        for task, cut in self._tasks.items():
            if cut:
                task.cancel()
        if self._tasks:
            _, late = await asyncio.wait([*self._tasks], timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _attend(self, unit: Unit, work: Work, wake: asyncio.Event) -> None:
        wait: float | None = None
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), wait)
            if self.stopping.is_set():
                return
            wake.clear()
            wait = await self.guarded(unit, work)

    def _begin(self, work: Coroutine[Any, Any, T], cut: bool) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks[task] = cut
        task.add_done_callback(self._tasks.pop)
        return task

    async def _failed(self, unit: Unit, error: Exception) -> float:
        """Keep the fault; returns the wait after it."""
        soon = SOON.wait(1)
        try:
            refused = isinstance(error, AuthError) and unit.scope in READING
            scope = await self._whose_refusal(unit) if refused else unit.scope
            if scope is None:
                return soon
            pause = await troubles.begin(self._db, self._clock, scope, unit.name, error)
        except Exception as fault:  # the database takes nothing, and so not this either
            said, why = faults.sentence(error), faults.sentence(fault)
            log.error("database.fault", unit=unit.scope, name=unit.name, error=said, why=why)
            return soon
        self._troubled.add(Unit(scope, unit.name))
        return max(soon, pause.until - self._clock.steady())

    async def _whose_refusal(self, unit: Unit) -> BreakerScope | None:
        """Refused credentials are the whole shop's, and said once: None when that is known already.

        The poll finds out when they are good again. A unit refused even then has a trouble of its own.
        """
        known = await self._db.run(breakers.get, BreakerScope.SHOP, unit.name)
        if known is not None and known.kind is BreakerKind.AUTH:
            return None
        if unit in self._refused:
            return unit.scope
        self._refused.add(unit)
        return BreakerScope.SHOP
