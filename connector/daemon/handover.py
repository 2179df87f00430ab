"""Who works on the database: ``run`` takes it over from a backfill alone, and never are there two.

Whoever wants the work holds a second lock; a backfill alone looks at it, finishes what is in flight, lets the
daemon's lock go and follows. Both locks end with their process, so nothing is left behind by a kill.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import structlog

from connector.daemon.app import App
from connector.model.errors import AlreadyRunning
from connector.state.daemon_lock import DaemonLock, asked, asking, daemon_lock

log = structlog.get_logger()

LOOK = 0.5  # seconds between two looks whether somebody asks, and between two tries to take the lock
HANDOVER_SECONDS = 20.0  # a stop takes ten at most


async def own(app: App, owned: AsyncExitStack, stop: asyncio.Event, *, lets_go: bool) -> DaemonLock:
    """Own the App's database until ``owned`` is closed; ``lets_go`` says that whoever asks may have it.

    Raises AlreadyRunning when another owns it: at once, or when a backfill does not let go in time.
    """

    def take() -> DaemonLock:
        return owned.enter_context(daemon_lock(app.db.engine, app.db.path, lets_go=lets_go))

    try:
        return take()
    except AlreadyRunning as other:
        if lets_go or not other.lets_go:
            raise
        log.info("daemon.takes_over", process=other.process)
        last = other
    until = app.clock.steady() + HANDOVER_SECONDS
    with asking(app.db.engine, app.db.path):
        while app.clock.steady() < until and not stop.is_set():
            await asyncio.sleep(LOOK)
            try:
                return take()
            except AlreadyRunning as other:
                last = other
    raise last


async def until_asked(app: App) -> None:
    """Until somebody asks for the database."""
    while not await asyncio.to_thread(asked, app.db.engine, app.db.path):
        await asyncio.sleep(LOOK)
