"""The stand-in as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.shops.oscar.shop import Shop
from tests.shops.serving import serve
from tests.shops.spoiler import SpoiledStandIn, Spoiler

FAULTS: dict[str, Response] = {
    "refused key": JSONResponse({"detail": "Invalid token."}, 401),
    "rate limit": JSONResponse({"detail": "Request was throttled."}, 429, {"Retry-After": "7"}),
    "fault of the server": HTMLResponse("<h1>Server Error (500)</h1>", 500),
    "maintenance": HTMLResponse("<h1>back soon</h1>", 503),
    "page instead of JSON": HTMLResponse("<h1>welcome</h1>"),
    "cut-off answer": Response(b'[{"number": "1', media_type="application/json"),
}


class OscarStandIn(SpoiledStandIn[Shop]):
    """A shop that is asked with a token and watched whole."""

    options: Mapping[str, Any] = {"watch": 400}

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last days, or all of them in one microsecond."""
        start = datetime.now(UTC) - timedelta(minutes=20 * orders)
        step = timedelta() if same_second else timedelta(minutes=20)
        return [self.shop.add(at=start + number * step) for number in range(orders)]

    def break_order(self, ref: str) -> None:
        """From now on the server fails at this order's lines, as a deleted stock record makes it."""
        self.shop.broken = ref

    def change(self, ref: str) -> None:
        """Gives the order another status."""
        self.shop.orders[ref]["status"] = "Being processed"


@contextmanager
def stand_in(paged: int = 0) -> Iterator[OscarStandIn]:
    """A shop without orders; ``paged`` is the size of a page."""
    shop = Shop(paged=paged)
    spoiler = Spoiler(shop.application(), FAULTS)
    with serve(spoiler.of) as address:
        yield OscarStandIn(shop, f"{address}/api", {"token": shop.token}, spoiler)
