"""``/metrics``: for Prometheus.

Nothing secret or of a buyer is in it, but figures of the business, so it asks for a token, or for the session
of the page.
"""

from __future__ import annotations

import asyncio

from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.admin.metrics import Everything, Gauges
from connector.web.context import Front
from connector.web.session_pages import Desk

CLOSED = (
    "the metrics ask for a token: let the scraper send Authorization: Bearer with page.metrics_token of the "
    "configuration, or sign in to the page"
)


def routes(front: Front) -> list[BaseRoute]:
    """For scrapers."""
    gauges = Gauges()
    desk = Desk(front)

    async def metrics(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip() if scheme.lower() == "bearer" else ""
        may = front.access.may_scrape(front.app.settings.page, token)
        if not may and not (await desk.viewer(request)).signed_in:
            raise HTTPException(401, CLOSED, {"WWW-Authenticate": "Bearer"})
        app = front.app
        read = await app.db.read(gauges.read, app.settings, app.clock)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encode, Everything(read))  # of a thousand stores it takes a while
        return Response(body, headers={"Content-Type": kind})

    return [Route("/metrics", metrics)]
