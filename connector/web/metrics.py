"""``/metrics``: for Prometheus.

Nothing secret or of a buyer is in it, but figures of the business: a web server before this one had better
keep it from the public.
"""

from __future__ import annotations

import asyncio

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.admin.metrics import Everything, Gauges
from connector.web.context import Front


def routes(front: Front) -> list[BaseRoute]:
    """For scrapers."""
    gauges = Gauges()

    async def metrics(request: Request) -> Response:
        app = front.app
        read = await app.db.read(gauges.read, app.settings, app.clock)
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        body = await asyncio.to_thread(encode, Everything(read))  # of a thousand stores it takes a while
        return Response(body, headers={"Content-Type": kind})

    return [Route("/metrics", metrics)]
