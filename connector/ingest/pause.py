"""A shop's faults and successes, as its pause: said once when it is lost, once when it is back."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from connector.ingest.source import Shop
from connector.model.errors import AuthError, Unavailable
from connector.state import breakers

log = structlog.get_logger()


def rests(connection: Connection, name: str, steady: float) -> bool:
    pause = breakers.get(connection, "shop", name)
    return pause is not None and pause.rests(steady)


async def failed(shop: Shop, error: AuthError | Unavailable) -> None:
    """Record a shop's fault as its pause."""
    kind = "auth" if isinstance(error, AuthError) else "fault"
    pause = await shop.db.run(
        breakers.fail,
        "shop",
        shop.name,
        kind,
        str(error),
        now=shop.clock.now(),
        steady=shop.clock.steady(),
        wait=error.retry_after if isinstance(error, Unavailable) else None,
    )
    if pause.strikes == 1:
        log.warning("shop.lost", store=shop.name, kind=kind, error=str(error))


async def succeeded(shop: Shop) -> None:
    if await shop.db.run(breakers.succeed, "shop", shop.name):
        log.info("shop.back", store=shop.name)
