"""The stand-in as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.shops.woocommerce.server import serve
from tests.shops.woocommerce.shop import Shop

_FAULTS = {
    "refused key": "401",
    "rate limit": "429",
    "fault of the server": "500",
    "maintenance": "503",
    "page instead of JSON": "html",
    "cut-off answer": "truncated",
    "reset connection": "reset",
    "silence": "hang",
}


class WooCommerceStandIn:
    """A shop behind something like https, so that Basic is let through."""

    credentials: Mapping[str, Any] = {"consumer_key": "ck_test", "consumer_secret": "cs_test"}
    options: Mapping[str, Any] = {"authentication": "basic"}

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop = shop
        self.url = url

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last hours, or all of them in one second."""
        at = (self.shop.clock.now() - timedelta(hours=1)).isoformat() if same_second else None
        if at is None:
            return [str(id) for id in self.shop.seed(orders)]
        return [str(self.shop.add(placed_at=at)) for _ in range(orders)]

    def change(self, ref: str) -> None:
        """Edits an order."""
        self.shop.edit(int(ref), customer_note="changed")

    def remove(self, ref: str) -> None:
        """Deletes an order for good."""
        self.shop.delete(int(ref))

    def break_order(self, ref: str) -> None:
        """From now on PHP fails at this order."""
        self.shop.break_order(int(ref))

    def before_request(self, act: Callable[[], None]) -> None:
        """Calls ``act`` ahead of each request."""
        self.shop.before_request = act

    def fail(self, fault: str) -> None:
        """From now on every request for orders meets this fault."""
        self.shop.fail(_FAULTS[fault], times=None, path="/orders")


@contextmanager
def stand_in() -> Iterator[WooCommerceStandIn]:
    """A shop without orders."""
    shop = Shop(secure=True)
    with serve(shop) as url:
        yield WooCommerceStandIn(shop, url)
