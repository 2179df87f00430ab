"""``/healthz``: the loop turns. ``/readyz``: the work can be done, or why not."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.admin import health
from connector.model.errors import StateError
from connector.settings.models import Settings
from connector.state import inbox
from connector.web.context import Front, answer

log = structlog.get_logger()

DATABASE_SECONDS = 4.0
SAME_SECONDS = 1.0  # for which an answer holds


def routes(front: Front) -> list[BaseRoute]:
    """For supervisors of the process."""

    async def healthz(request: Request) -> Response:
        return answer({"status": "ok"})

    asking = asyncio.Lock()
    known: list[str] = []
    asked_at = -SAME_SECONDS

    async def readyz(request: Request) -> Response:
        """Many questions at once cost one write."""
        nonlocal known, asked_at
        async with asking:
            if front.app.clock.steady() - asked_at >= SAME_SECONDS:
                known = await _reasons(front)
                asked_at = front.app.clock.steady()
            reasons = known
        status = "not ready" if reasons else "ready"
        return answer({"status": status, "reasons": reasons}, 503 if reasons else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _reasons(front: Front) -> list[str]:
    app = front.app
    feeds = {name: () if shop.pushed else shop.adapter.feeds for name, shop in app.shops.items()}
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await app.db.run(_look, app.settings, feeds, app.clock.now())
    except (TimeoutError, StateError) as error:
        held = front.throttle.due(f"front.database_fault {error}", app.clock.steady())
        if held is not None:
            log.error("front.database_fault", error=str(error) or "it does not answer", held_back=held)
        return ["the database cannot be written to now; the log says why"]


def _look(
    connection: Connection, settings: Settings, feeds: dict[str, tuple[str, ...]], now: datetime
) -> list[str]:
    inbox.probe(connection, now)
    return health.reasons(connection, settings, feeds, now)
