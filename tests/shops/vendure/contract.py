"""The stand-in as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.shops.serving import serve
from tests.shops.spoiler import SpoiledStandIn, Spoiler
from tests.shops.vendure.api import application
from tests.shops.vendure.shop import Shop

FAULTS: dict[str, Response] = {
    # With status 200, as Vendure refuses.
    "refused key": JSONResponse(
        {"errors": [{"message": "You are not authorized", "extensions": {"code": "FORBIDDEN"}}], "data": None}
    ),
    "rate limit": Response("slow down", 429, {"Retry-After": "7"}),
    "fault of the server": JSONResponse(
        {"errors": [{"message": "oops", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": None}
    ),
    "maintenance": HTMLResponse("<h1>back soon</h1>", 503),
    "page instead of JSON": HTMLResponse("<h1>welcome</h1>"),
    "cut-off answer": Response(b'{"data": {"orders": ', media_type="application/json"),
}


class VendureStandIn(SpoiledStandIn[Shop]):
    """A shop with an API key."""

    options: Mapping[str, Any] = {"page_size": 40}

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last days, or all of them in one microsecond."""
        start = datetime.now(UTC) - timedelta(minutes=20 * orders)
        step = timedelta() if same_second else timedelta(minutes=20, microseconds=618)
        return [self.shop.add(at=start + number * step) for number in range(orders)]

    def break_order(self, ref: str) -> None:
        """From now on the server fails at this order, unless it is asked for its id only."""
        self._spoiler.broken = b'"%s"' % self.shop.orders[ref].body["code"].encode()

    def change(self, ref: str) -> None:
        """Cancels a piece."""
        self.shop.cancel_line(ref)


@contextmanager
def stand_in() -> Iterator[VendureStandIn]:
    """A shop without orders."""
    shop = Shop()
    spoiler = Spoiler(application(shop), FAULTS)
    with serve(spoiler.of) as address:
        yield VendureStandIn(shop, f"{address}/admin-api", {"api_key": shop.key}, spoiler)
