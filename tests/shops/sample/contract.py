"""The sample shop as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from threading import Thread
from typing import Any

import uvicorn
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.demo.shop.catalogue import checkout
from connector.demo.shop.server import app
from connector.demo.shop.shop import Shop
from tests.shops.spoiler import unless_broken

KEY = "sample-key"
ANSWERS: dict[str, Response] = {
    "refused key": JSONResponse({"error": "the key is missing or wrong"}, 401),
    "rate limit": JSONResponse({"error": "slow down"}, 429, {"Retry-After": "7"}),
    "fault of the server": JSONResponse({"error": "oops"}, 500),
    "maintenance": HTMLResponse("<h1>back soon</h1>", 503),
    "page instead of JSON": HTMLResponse("<h1>welcome</h1>"),
    "cut-off answer": Response(b'{"orders": [', media_type="application/json"),
}


class SampleStandIn:
    """The shop in a thread of its own, behind what spoils its answers."""

    credentials: Mapping[str, Any] = {"api_key": KEY}
    options: Mapping[str, Any] = {}

    def __init__(self, shop: Shop, url: str, spoiler: Spoiler) -> None:
        self.shop = shop
        self.url = url
        self._spoiler = spoiler
        self._random = Random(1)

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last hours, or all of them in one instant."""
        start = self.shop.clock() - timedelta(hours=3)
        refs = []
        for number in range(orders):
            at = start if same_second else start + timedelta(seconds=number * 10)
            order = self.shop.add(
                **checkout(self._random, "plain"),
                created_at=at,
                placed_at=at,
                changed_at=at,
                payment="paid",
                delivery="new",
            )
            refs.append(str(order.id))
        return refs

    def change(self, ref: str) -> None:
        """Puts an order on hold."""
        self.shop.change(int(ref), delivery="on_hold")

    def remove(self, ref: str) -> None:
        """Deletes an order for good."""
        del self.shop.orders[int(ref)]

    def break_order(self, ref: str) -> None:
        """From now on the server fails at this order."""
        self._spoiler.broken = b'"number":"%s"' % self.shop.orders[int(ref)].number.encode()

    def before_request(self, act: Callable[[], None]) -> None:
        """Calls ``act`` ahead of each request."""
        self._spoiler.before_request = act

    def fail(self, fault: str) -> None:
        """From now on every request meets this fault."""
        self._spoiler.fault = fault


class Spoiler:
    """An ASGI application before the shop's own."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner
        self.before_request: Callable[[], None] = lambda: None
        self.fault = ""
        self.broken = b""
        self.reset: Callable[[Any], None] = lambda client: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.before_request()
        if self.fault in ANSWERS:
            await ANSWERS[self.fault](scope, receive, send)
        elif self.fault == "reset connection":
            self.reset(scope["client"])
        elif self.fault == "silence":
            await asyncio.Event().wait()
        elif self.broken:
            fault = ANSWERS["fault of the server"]
            await unless_broken(self.inner, lambda body: self.broken in body, fault)(scope, receive, send)
        else:
            await self.inner(scope, receive, send)


@contextmanager
def stand_in() -> Iterator[SampleStandIn]:
    """A shop without orders."""
    shop = Shop()
    spoiler = Spoiler(app(shop, KEY))
    server = uvicorn.Server(
        uvicorn.Config(spoiler, log_config=None, access_log=False, lifespan="off", ws="none", loop="asyncio")
    )

    def reset(client: Any) -> None:
        for connection in server.server_state.connections:
            if connection.transport.get_extra_info("peername") == tuple(client):
                connection.transport.abort()

    spoiler.reset = reset
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    thread = Thread(target=server.run, args=([listener],), name="sample shop", daemon=True)
    thread.start()
    try:
        yield SampleStandIn(shop, f"http://127.0.0.1:{listener.getsockname()[1]}", spoiler)
    finally:
        server.force_exit = server.should_exit = True
        thread.join()
        listener.close()
