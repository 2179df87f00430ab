"""The timetable: APScheduler calls the units of work. It holds no state of its own and no rule."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connector.daemon.app import App
from connector.delivery.dispatcher import deliver
from connector.delivery.sender import Sender
from connector.ingest import subscriptions
from connector.ingest.backfill import read_backfill
from connector.ingest.poll import poll
from connector.ingest.reconcile import look_at_open, reconcile
from connector.ingest.source import Shop
from connector.ingest.webhooks import Errands
from connector.model.errors import AuthError, StateError, Unavailable
from connector.runtime.clock import Clock
from connector.state import backfills, inbox, retention

log = structlog.get_logger()
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a poll that outlasts its interval is no news

LOOK_FOR_WORK = 2.0  # seconds
IDLE = 20.0  # seconds after which an account without work is looked at all the same
WATCH_FIRST = 5.0  # seconds after the start until webhook subscriptions are looked at
WATCH_EVERY = 3600.0
OPEN_SPAN = timedelta(days=60)  # an order older than this is not looked after on its own any more
JUMP = 1.0  # seconds by which the wall clock must have moved against the steady one to have been set
READ_AGAIN = 30.0  # seconds before a backfill whose shop failed is tried again, if the shop names none
QUIET = 0.3  # seconds after a webhook in which those that follow it are gathered
ROUNDS = 3  # at most so many times


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
    """Runs one App's units of work until ``stopping`` is set."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._scheduler = SteadyScheduler(app.clock)
        self._stopping = asyncio.Event()
        self._version = 0
        self._running: set[str] = set()
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._errands = {
            name: Errands(shop, app.settings.stores[name].webhook_fetches_per_minute)
            for name, shop in app.shops.items()
        }
        self._nudged = {name: asyncio.Event() for name in app.shops}
        self._attending: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rereading: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin; must be called in a running event loop."""
        app = self._app
        app.on_wake = self._wake
        app.on_nudge = self._nudge
        for index, (name, shop) in enumerate(app.shops.items()):
            if shop.pushed:
                continue
            every = app.settings.stores[name].poll.total_seconds()
            # A thousand shops are not asked in the same instant, neither at the start nor later.
            first = datetime.now(UTC) + timedelta(seconds=min(index * 0.02, every))
            self._scheduler.add_job(
                self._unit,
                "interval",
                [f"poll:{name}", lambda shop=shop: self._poll(shop)],
                seconds=every,
                id=f"poll:{name}",
                next_run_time=first,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
            self._reconcile_at(name, shop)
            self._watch_at(name, shop, WATCH_FIRST + index * 0.1)
        for name in app.senders:
            self._deliver_at(name, None)
        self._scheduler.add_job(
            self._unit,
            "interval",
            ["work", self._look_for_work],
            seconds=LOOK_FOR_WORK,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
        )
        self._scheduler.add_job(
            self._unit,
            "interval",
            ["retention", self._retain],
            hours=6,
            next_run_time=datetime.now(UTC) + timedelta(minutes=1),
            max_instances=1,
            coalesce=True,
        )
        self._scheduler.add_job(self._unit, "date", ["inbox", self._look_into_inboxes])
        self._scheduler.start()

    async def stop(self, seconds: float) -> None:
        """Claim and read nothing more; give what is in flight ``seconds`` to finish."""
        self._stopping.set()
        self._app.on_wake = lambda account: None
        self._app.on_nudge = lambda store: None
        if self._scheduler.running:
            self._scheduler.pause()
            await asyncio.sleep(0)  # cancelled before it began, a unit would be logged as an error
            self._scheduler.shutdown(wait=False)
        reading = {*self._reading.values(), *self._attending.values(), *self._rereading}
        for task in reading:
            task.cancel()
        pending = {*self._tasks, *reading}
        if pending:
            _, late = await asyncio.wait(pending, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _unit(
        self, name: str, work: Callable[[], Awaitable[None]], tasks: set[asyncio.Task[None]] | None = None
    ) -> None:
        """Run one unit of work as a task of ours, so that stopping can wait for it, or end it."""
        if self._stopping.is_set():
            return
        tasks = self._tasks if tasks is None else tasks
        task = asyncio.ensure_future(self._guarded(name, work))
        tasks.add(task)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            return  # the scheduler was shut down; ``stop`` waits for the task itself
        finally:
            task.add_done_callback(tasks.discard)
            if task.done():
                tasks.discard(task)

    async def _guarded(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (AuthError, Unavailable) as error:
            log.warning("unit.waits", unit=name, error=str(error))
        except StateError as error:
            log.error("database.fault", unit=name, error=str(error))
        except Exception:
            log.exception("unit.fault", unit=name)

    async def _poll(self, shop: Shop) -> None:
        await poll(shop)

    async def _deliver(self, sender: Sender) -> None:
        account = sender.account
        if account in self._running:
            return
        self._running.add(account)
        again: float | None = None
        try:
            again = await deliver(sender, self._stopping)
        finally:
            self._running.discard(account)
            if not self._stopping.is_set():
                now = self._app.clock.steady()
                wait = IDLE if again is None else min(max(again - now, 0.0), IDLE)
                self._deliver_at(account, 0.0 if sender.wake.is_set() else wait)

    def _deliver_at(self, account: str, wait: float | None) -> None:
        sender = self._app.senders[account]
        self._scheduler.follow()
        at = datetime.now(UTC) + timedelta(seconds=wait or 0.0)
        self._scheduler.add_job(
            self._unit,
            "date",
            [f"deliver:{account}", lambda: self._deliver(sender)],
            run_date=at,
            id=f"deliver:{account}",
            replace_existing=True,
            misfire_grace_time=None,
            max_instances=2,
        )

    def _wake(self, account: str) -> None:
        if account not in self._running and not self._stopping.is_set():
            self._deliver_at(account, 0.0)

    def _reconcile_at(self, name: str, shop: Shop) -> None:
        """Reading again by itself, at a time of its own for each store."""
        settings = self._app.settings.stores[name].reconcile
        pace = 60.0 / settings.per_minute
        requests = max(1, int(settings.open_every.total_seconds() / pace))

        async def recent() -> None:
            if shop.adapter.traits.history:
                until = self._app.clock.now()
                done = await reconcile(shop, until - settings.span, until, pace=pace)
                log.info("shop.reconciled", store=name, listed=done.listed, brought_in=done.brought_in)

        async def unsettled() -> None:
            await look_at_open(shop, self._app.clock.now() - OPEN_SPAN, requests, pace=pace)

        for unit, work, every in (
            ("recent", recent, settings.every),
            ("open", unsettled, settings.open_every),
        ):
            self._scheduler.add_job(
                self._unit,
                "interval",
                [f"reconcile.{unit}:{name}", work, self._rereading],
                seconds=every.total_seconds(),
                jitter=min(600, int(every.total_seconds() / 4)),
                max_instances=2,  # one that is due while one works comes after it
                coalesce=True,
                misfire_grace_time=None,
            )

    def _watch_at(self, name: str, shop: Shop, first: float) -> None:
        """Whether the shop still sends its webhooks: some switch them off by themselves."""
        settings = self._app.settings
        if not subscriptions.expected(shop, settings):
            return
        address = subscriptions.address_of(name, settings)

        async def watch() -> None:
            for found in await subscriptions.watch(shop, address):
                log.warning("webhooks.lost", store=name, topic=found.topic, message=found.message)

        self._scheduler.add_job(
            self._unit,
            "interval",
            [f"webhooks:{name}", watch],
            seconds=WATCH_EVERY,
            next_run_time=datetime.now(UTC) + timedelta(seconds=first),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    async def _look_into_inboxes(self) -> None:
        """What an earlier process left."""
        for store in await self._app.db.run(inbox.busy_stores):
            self._nudge(store)

    def _nudge(self, store: str) -> None:
        """A webhook of the store was stored."""
        if store not in self._app.shops or self._stopping.is_set():
            return
        self._nudged[store].set()
        task = self._attending.get(store)
        if task is None or task.done():
            self._attending[store] = asyncio.create_task(self._attend(store))

    async def _attend(self, store: str) -> None:
        """Do what the store's inbox holds, and end when it is empty."""
        nudged = self._nudged[store]
        wait: float | None = READ_AGAIN
        while not self._stopping.is_set() and (wait is not None or nudged.is_set()):
            with suppress(TimeoutError):
                await asyncio.wait_for(nudged.wait(), wait)
            for _ in range(ROUNDS):  # deliveries about one order come in bursts
                if nudged.is_set():
                    nudged.clear()
                    await asyncio.sleep(QUIET)
            nudged.clear()
            try:
                wait = await self._errands[store].run(self._stopping)
            except StateError as error:
                log.error("database.fault", unit=f"inbox:{store}", error=str(error))
                wait = READ_AGAIN
            except Exception:
                log.exception("unit.fault", unit=f"inbox:{store}")
                wait = READ_AGAIN

    async def _look_for_work(self) -> None:
        """What a command beside this daemon left for it: backfills to read, orders to deliver."""
        app = self._app
        reading, version = await app.db.run(
            lambda one: (backfills.every(one, "reading"), app.db.version(one))
        )
        if version != self._version:
            self._version = version
            for account in app.senders:
                app.wake(account)
        for backfill in reading:
            task = self._reading.get(backfill.store)
            if backfill.store in self._app.shops and (task is None or task.done()):
                shop = self._app.shops[backfill.store]
                self._reading[backfill.store] = asyncio.create_task(self._read(shop, backfill.id))

    async def _read(self, shop: Shop, number: int) -> None:
        try:
            while not self._stopping.is_set():
                wait = await read_backfill(shop, number)
                if wait is None:
                    break
                await asyncio.sleep(wait)
        except (AuthError, Unavailable) as error:
            log.warning("backfill.waits", store=shop.name, error=str(error))
            asked = error.retry_after if isinstance(error, Unavailable) else None
            await asyncio.sleep(asked or READ_AGAIN)
        except StateError as error:
            log.error("database.fault", unit=f"backfill:{shop.name}", error=str(error))
            await asyncio.sleep(READ_AGAIN)
        except Exception:
            log.exception("unit.fault", unit=f"backfill:{shop.name}")
            await asyncio.sleep(READ_AGAIN)

    async def _retain(self) -> None:
        await retention.retain(self._app.db, self._app.clock.now() - self._app.settings.retention)
