"""The stand-in as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.shops.medusa.server import KEY, app
from tests.shops.medusa.shop import Shop
from tests.shops.serving import Abort, serve
from tests.shops.spoiler import unless_broken

ANSWERS: dict[str, Response] = {
    "refused key": JSONResponse({"message": "Unauthorized"}, 401),
    "rate limit": JSONResponse({"message": "slow down"}, 429, {"Retry-After": "7"}),
    "fault of the server": JSONResponse(
        {"type": "unknown_error", "message": "An unknown error occurred."}, 500
    ),
    "maintenance": HTMLResponse("<h1>back soon</h1>", 503),
    "page instead of JSON": HTMLResponse("<h1>welcome</h1>"),
    "cut-off answer": Response(b'{"orders": [', media_type="application/json"),
}


class MedusaStandIn:
    """A server behind what spoils its answers."""

    credentials: Mapping[str, Any] = {"api_key": KEY}
    options: Mapping[str, Any] = {}

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.url = ""
        self.fault = ""
        self.broken = ""
        self.most = 100_000  # rows of a page, whatever the limit says
        self.ignored = re.compile("(?!)")  # parameters that are passed over
        self.abort: Abort = lambda scope: None
        self._app = app(shop)

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last hours, or all of them in one instant."""
        start = self.shop.now() - timedelta(hours=3)
        step = timedelta(0) if same_second else timedelta(seconds=10)
        return [self.shop.place(at=start + step * number) for number in range(orders)]

    def change(self, ref: str) -> None:
        """Edits an order."""
        self.shop.edit(ref, metadata={"note": "changed"})

    def remove(self, ref: str) -> None:
        """Deletes an order for good."""
        del self.shop.orders[ref]

    def break_order(self, ref: str) -> None:
        """From now on the server fails at this order, unless it is asked for its id only."""
        self.broken = f'"display_id":{self.shop.orders[ref]["display_id"]},'

    def before_request(self, act: Callable[[], None]) -> None:
        """Calls ``act`` ahead of each request."""
        self.shop.before_request = act

    def fail(self, fault: str) -> None:
        """From now on every request meets this fault."""
        self.fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.shop.before_request()
        self.shop.requests.append(f"{scope['path']}?{scope['query_string'].decode()}")
        if self.fault in ANSWERS:
            await ANSWERS[self.fault](scope, receive, send)
        elif self.fault == "reset connection":
            self.abort(scope)
        elif self.fault == "silence":
            await asyncio.Event().wait()
        else:
            pairs = [
                pair for pair in parse_qsl(scope["query_string"]) if not self.ignored.search(pair[0].decode())
            ]
            pairs = [
                (name, b"%d" % min(int(value), self.most) if name == b"limit" else value)
                for name, value in pairs
            ]
            inner = unless_broken(
                self._app, lambda body: self.broken.encode() in body, ANSWERS["fault of the server"]
            )
            application = inner if self.broken else self._app
            await application({**scope, "query_string": urlencode(pairs).encode()}, receive, send)


@contextmanager
def stand_in() -> Iterator[MedusaStandIn]:
    """A shop without orders."""
    shop = MedusaStandIn(Shop())

    def application(abort: Abort) -> ASGIApp:
        shop.abort = abort
        return shop

    with serve(application) as shop.url:
        yield shop
