"""A page that failed in passing is read once more, so that a long reading need not begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from connector.ingest.source import everybodys
from connector.model.backoff import Backoff
from connector.model.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

AGAIN = Backoff(2.0, 30.0)
TRIES = 5


async def retried(store: str, read: Callable[[], Awaitable[T]], *, begun: bool) -> T:
    """What ``read`` brings. Once a reading has ``begun``, a passing fault of the store's shop is raised only
    after several in a row; before that at once, because nothing would be lost.
    """
    failures = 0
    while True:
        try:
            return await read()
        except Unavailable as error:
            failures += 1
            if not begun or failures >= TRIES or everybodys(error):
                raise
            log.info("page.again", store=store, error=str(error))
            await asyncio.sleep(AGAIN.wait(failures))
