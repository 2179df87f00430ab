"""Stands between the daemon and a shop: passes everything on and writes down what was asked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.runtime.listener import bind, serving
from tests.live.shop import Seen

_OWN = frozenset(
    ("host", "connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date")
)


class Relay:
    """``requests`` are those of the daemon, in their order."""

    def __init__(self, target: str) -> None:
        self.url = ""
        self.requests: list[Seen] = []
        self._target = target
        self._client = httpx.AsyncClient(timeout=60.0)

    async def answer(self, request: Request) -> Response:
        """The shop's answer, or 502 when it is down."""
        body = await request.body()
        query = f"?{request.url.query}" if request.url.query else ""
        self.requests.append(Seen(time.monotonic(), request.method, request.url.path + query, body))
        headers = {name: value for name, value in request.headers.items() if name not in _OWN}
        try:
            got = await self._client.request(
                request.method, self._target + request.url.path + query, headers=headers, content=body
            )
        except httpx.TransportError:
            return Response("the shop is down", 502)
        kept = {name: value for name, value in got.headers.items() if name not in _OWN}
        return Response(got.content, got.status_code, kept)


@asynccontextmanager
async def relayed(target: str) -> AsyncIterator[Relay]:
    """A relay in front of ``target`` while the block runs."""
    relay = Relay(target)
    app = Starlette(routes=[Route("/{path:path}", relay.answer, methods=["GET", "POST"])])
    async with serving(app, bind("127.0.0.1", 0)) as server:
        relay.url = server.url
        yield relay
