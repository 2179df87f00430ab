"""The long-running process: one App after another (a reload builds a new one) until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, contextmanager
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connector.daemon.app import App
from connector.daemon.handover import own, until_asked
from connector.daemon.scheduler import Timetable
from connector.daemon.supervisor import Supervisor
from connector.ingest.remapping import notice
from connector.model.errors import ConnectorError, Displaced
from connector.runtime import log as logs
from connector.settings.loader import Loaded
from connector.state.daemon_lock import DaemonLock

log = structlog.get_logger()

LOOK_AFTER = 1.0  # seconds between two looks whether database and lock are where they were
STOP_SECONDS = 8.0  # what is in flight gets this long; the whole stop stays under ten seconds


class Front(Protocol):
    """What listens for the daemon: webhooks, pages, health."""

    @property
    def url(self) -> str:
        """Where it listens."""

    def use(self, app: App) -> None:
        """Answer from this App from now on: after a reload."""

    async def close(self) -> None:
        """Take no more requests; wait until what is under way is answered."""


class Daemon:
    """``load`` reads the configuration anew; ``stop`` and ``reload`` may be set by anybody.

    ``front`` begins to listen. A backfill that does the daemon's work for a while has none, and ``lets_go``
    of it when another asks.
    """

    def __init__(
        self,
        loaded: Loaded,
        load: Callable[[], Loaded],
        front: Callable[[App], AbstractAsyncContextManager[Front]] | None = None,
        *,
        lets_go: bool = False,
    ) -> None:
        self._loaded = loaded
        self._load = load
        self._front = front
        self.stop = asyncio.Event()
        self._lets_go = lets_go
        self.started = asyncio.Event()
        self.reload = asyncio.Event()
        self._lost: Displaced | None = None

    def listening_to_signals(self) -> AbstractContextManager[None]:
        """SIGTERM and SIGINT stop, SIGHUP reloads."""
        return heard({signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self.reload})

    async def run(self) -> None:
        """Work until stopped. Raises ConfigError, StateError and UsageError when it cannot start, and
        Displaced when the database or the lock was taken from under it."""
        app = App(self._loaded, starts=self._loaded.settings.stores)
        async with AsyncExitStack() as owned:
            try:
                lock = await own(app, owned, self.stop, lets_go=self._lets_go)
                app.db.must_be_home()
                await app.prepare()
                front = await owned.enter_async_context(self._front(app)) if self._front else None
            except ConnectorError:
                await app.close()
                raise
            owned.callback(log.info, "daemon.stopped")
            current: App | None = app
            while current is not None:
                current = await self._serve(current, front, lock)
        if self._lost is not None:
            raise self._lost

    async def _look_after(self, app: App, lock: DaemonLock) -> None:
        """End when database or lock are not where they were: whatever is taken from then on would be lost."""
        try:
            while True:
                await asyncio.sleep(LOOK_AFTER)
                app.db.verify()
                await asyncio.to_thread(lock.verify)
        except Displaced as lost:
            log.error("database.displaced", error=str(lost))
            self._lost = lost
            self.stop.set()

    async def _let_go(self, app: App) -> None:
        await until_asked(app)
        log.info("daemon.lets_go")
        self.stop.set()

    async def _serve(self, app: App, front: Front | None, lock: DaemonLock) -> App | None:
        """Run one App; returns the next one after a reload."""
        async with app:
            app.db.watch(lock.path)
            looking = [asyncio.create_task(self._look_after(app, lock))]
            if self._lets_go:
                looking.append(asyncio.create_task(self._let_go(app)))
            await app.recover()
            supervisor = Supervisor(app.db, app.clock)
            await supervisor.recover()
            timetable = Timetable(app, supervisor)
            timetable.start()
            looking.append(asyncio.create_task(_notice(app)))
            where = {"listen": front.url} if front else {}
            # A page of orders makes thousands of objects, and none of them in a circle.
            gc.set_threshold(10_000)
            gc.freeze()  # what was loaded by now stays; the collector need not walk it
            log.info("daemon.started", stores=len(app.shops), accounts=len(app.senders), **where)
            self.started.set()
            following: App | None = None
            while not self.stop.is_set() and following is None:
                await _first(self.stop, self.reload)
                if self.reload.is_set() and not self.stop.is_set():
                    self.reload.clear()
                    following = await self._reloaded(app)
            if following is None:
                app.db.hurry()
            if front is not None and following is not None:
                front.use(following)
            closing = [front.close()] if front is not None and following is None else []
            await timetable.stop()
            await asyncio.gather(supervisor.stop(STOP_SECONDS), *closing)
            for look in looking:
                look.cancel()
        return following

    async def _reloaded(self, current: App) -> App | None:
        try:
            loaded = self._load()
            for setting in ("database", "listen"):
                if getattr(loaded.settings, setting) != getattr(current.settings, setting):
                    log.error("daemon.reload_refused", error=f"{setting}: needs a restart to change")
                    return None
            logs.learn(*loaded.secrets)
            following = App(loaded, starts=loaded.settings.stores)
            await following.prepare()
        except ConnectorError as error:
            log.error("daemon.reload_refused", error=str(error))
            return None
        log.info("daemon.reloaded")
        return following


@contextmanager
def heard(signals: Mapping[signal.Signals, asyncio.Event]) -> Iterator[None]:
    """Let each signal set its event; afterwards the process only ends, and hears none of them.

    With asyncio's own handlers one that comes while its loop is closed would end in a traceback.
    """
    loop = asyncio.get_running_loop()
    for number, event in signals.items():
        signal.signal(number, lambda *_, event=event: loop.call_soon_threadsafe(event.set))
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)


async def _first(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _notice(app: App) -> None:
    """Look which mappings changed; what cannot be counted now is counted at the next start or reload."""
    try:
        for shop in app.shops.values():
            await notice(shop)
    except (ConnectorError, SQLAlchemyError) as error:
        log.error("mapping.not_counted", error=type(error).__name__)
