"""A shop's faults and successes, as its pause: said once when it is lost, once when it is back."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.model.states import BreakerScope
from connector.state import breakers

log = structlog.get_logger()


async def failed(shop: Shop, error: Exception, *, progress: bool = False) -> breakers.Pause:
    """Record a shop's fault as its pause; after ``progress`` it is the first in a row."""
    pause = await shop.db.run(
        breakers.fault,
        BreakerScope.SHOP,
        shop.name,
        error,
        now=shop.clock.now(),
        steady=shop.clock.steady(),
        progress=progress,
    )
    if pause.strikes == 1:
        log.warning("shop.lost", store=shop.name, kind=pause.kind, error=pause.message)
    return pause


def rests(connection: Connection, name: str, steady: float) -> bool:
    """Whether the store's shop is to be asked for nothing now."""
    pause = breakers.get(connection, BreakerScope.SHOP, name)
    return pause is not None and pause.rests(steady)


async def succeeded(shop: Shop) -> None:
    """End the shop's pause, if it has one."""
    if await shop.db.run(breakers.succeed, BreakerScope.SHOP, shop.name):
        log.info("shop.back", store=shop.name)
