"""The timetable: when each unit of work is due. APScheduler keeps the times; the supervisor does the work."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connector.daemon.app import App
from connector.daemon.supervisor import Supervisor, Unit, Work
from connector.daemon.units import Units
from connector.ingest import subscriptions
from connector.ingest.backfill import read_backfill
from connector.ingest.source import Shop
from connector.ingest.webhooks import Errands
from connector.model.states import BreakerScope
from connector.runtime.clock import Clock

log = structlog.get_logger()
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a poll that outlasts its interval is no news

LOOK_FOR_WORK = 2.0  # seconds
WATCH_FIRST = 5.0  # seconds after the start until webhook subscriptions are looked at
WATCH_EVERY = 3600.0
RETAIN_FIRST = 60.0
RETAIN_EVERY = 6 * 3600.0
MEND_FIRST = 10.0  # seconds after the start until what ended in a fault before it is tried again
JUMP = 1.0  # seconds by which the wall clock must have moved against the steady one to have been set


class SteadyScheduler(AsyncIOScheduler):  # type: ignore[misc]
    """APScheduler plans by the wall clock. Whenever that was set, every plan moves along with it.

    So a clock set back stalls nothing, and one set forward sets nothing off early.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(timezone=UTC)
        self._clock = clock
        self._ahead = clock.ahead()

    def wakeup(self) -> None:
        """Called when something is due by the loop's clock, which never jumps, and when plans change."""
        self.follow()
        super().wakeup()

    def follow(self) -> None:
        """Before anything is planned or looked at."""
        jump = self._clock.ahead() - self._ahead
        if abs(jump) < JUMP or not self.running:
            return
        self._ahead += jump
        log.warning("clock.jumped", seconds=round(jump))
        for job in self.get_jobs():
            job.modify(next_run_time=job.next_run_time + timedelta(seconds=jump))


class Timetable:
    """Of one App: what is due at intervals, and what waits for something to do."""

    def __init__(self, app: App, supervisor: Supervisor) -> None:
        self._app = app
        self._supervisor = supervisor
        self._units = Units(app, supervisor.stopping)
        self._scheduler = SteadyScheduler(app.clock)

    def start(self) -> None:
        """Begin; must be called in a running event loop."""
        for sender in self._app.senders.values():
            unit = Unit(BreakerScope.DELIVERY, sender.account)
            self._supervisor.attend(unit, partial(self._units.deliver, sender), sender.wake)
            sender.wake.set()
        for index, shop in enumerate(self._app.shops.values()):
            if shop.adapter.traits.webhooks:
                self._attend_inbox(shop)
            if not shop.pushed:
                self._read(index, shop)
        self._every(Unit(BreakerScope.WORK), self._units.look_for_work, LOOK_FOR_WORK, first=0.0)
        self._every(Unit(BreakerScope.RETENTION), self._units.retain, RETAIN_EVERY, first=RETAIN_FIRST)
        self._scheduler.start()

    async def stop(self) -> None:
        """Nothing is due any more; what is at work is the supervisor's to stop."""
        if self._scheduler.running:
            self._scheduler.pause()
            await asyncio.sleep(0)  # cancelled before it began, a unit would be logged as an error
            self._scheduler.shutdown(wait=False)

    def _attend_inbox(self, shop: Shop) -> None:
        errands = Errands(shop, self._app.settings.stores[shop.name].webhook_fetches_per_minute)
        work = partial(errands.attend, self._supervisor.stopping)
        self._supervisor.attend(Unit(BreakerScope.INBOX, shop.name), work, shop.nudged, cut=True)

    def _read(self, index: int, shop: Shop) -> None:
        """Whatever reads a shop. A thousand shops are not asked in the same instant, then or later."""
        name, units, settings = shop.name, self._units, self._app.settings.stores[shop.name]
        past = Unit(BreakerScope.BACKFILL, name)
        self._supervisor.attend(past, partial(read_backfill, shop), shop.unread, cut=True)
        if name in self._supervisor.troubled(BreakerScope.BACKFILL):
            shop.unread.set()  # also to find that it was given up meanwhile
        every = settings.poll.total_seconds()
        poll = partial(units.poll, shop)
        self._every(Unit(BreakerScope.SHOP, name), poll, every, first=min(index * 0.02, every))
        for scope, work, often in (
            (BreakerScope.RECONCILE, units.reconcile, settings.reconcile.every),
            (BreakerScope.OPEN, units.look_at_open, settings.reconcile.open_every),
        ):
            self._again_and_again(Unit(scope, name), partial(work, shop), often.total_seconds())
        if subscriptions.expected(shop, self._app.settings):
            watch = partial(units.watch_subscriptions, shop)
            first = WATCH_FIRST + index * 0.1
            self._every(Unit(BreakerScope.SUBSCRIPTIONS, name), watch, WATCH_EVERY, first=first)

    def _again_and_again(self, unit: Unit, work: Work, seconds: float) -> None:
        """Reading again by itself, at a time of its own for each store."""
        mends = unit.name in self._supervisor.troubled(unit.scope)
        self._every(
            unit,
            work,
            seconds,
            first=MEND_FIRST if mends else None,
            jitter=min(600, int(seconds / 4)),
            at_once=2,  # one that is due while one works comes after it
            cut=True,
        )

    def _every(
        self,
        unit: Unit,
        work: Work,
        seconds: float,
        *,
        first: float | None,
        jitter: int | None = None,
        at_once: int = 1,
        cut: bool = False,
    ) -> None:
        """Do it at this interval, ``first`` in so many seconds (None: one), and sooner after a fault."""
        sooner = f"{unit.scope}:{unit.name}:again"

        async def run() -> None:
            wait = await self._supervisor.run(unit, work, cut=cut)
            if wait is not None and not self._supervisor.stopping.is_set():
                self._scheduler.follow()
                self._scheduler.add_job(
                    run,
                    "date",
                    run_date=datetime.now(UTC) + timedelta(seconds=wait),
                    id=sooner,
                    replace_existing=True,
                    misfire_grace_time=None,
                )

        begin = {} if first is None else {"next_run_time": datetime.now(UTC) + timedelta(seconds=first)}
        self._scheduler.add_job(
            run,
            "interval",
            seconds=seconds,
            jitter=jitter,
            max_instances=at_once,
            coalesce=True,
            misfire_grace_time=None,
            **begin,
        )
