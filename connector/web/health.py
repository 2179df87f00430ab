"""``/healthz``: the loop turns."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.web.front import Front, answer


def routes(front: Front) -> list[BaseRoute]:
    """For supervisors of the process."""

    async def healthz(request: Request) -> Response:
        return answer({"status": "ok"})

    return [Route("/healthz", healthz)]
