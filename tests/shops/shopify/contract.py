"""The stand-in as the contract of adapters wants it: see ``connector.sdk.testing.StandIn``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.shops.shopify.cost import Bucket
from tests.shops.shopify.server import serve
from tests.shops.shopify.shop import Shop

_FAULTS = {
    "refused key": "401",
    "rate limit": "throttled",
    "fault of the server": "internal",
    "maintenance": "503",
    "page instead of JSON": "html",
    "cut-off answer": "truncated",
    "reset connection": "reset",
    "silence": "hang",
}


class ShopifyStandIn:
    """A shop that lets an app of the merchant's own organisation in, with more points than it can spend."""

    credentials: Mapping[str, Any] = {"client_id": "client_test", "client_secret": "shpss_test"}
    options: Mapping[str, Any] = {}

    def __init__(self, shop: Shop, url: str) -> None:
        self.shop = shop
        self.url = url

    def place(self, orders: int, *, same_second: bool = False) -> list[str]:
        """Orders placed during the last hours, or all of them in one second."""
        until = (self.shop.clock.now() - timedelta(hours=1)).replace(microsecond=0)
        step = 1e-3 if same_second else 20.0
        return [str(id) for id in self.shop.seed(orders, until=until.isoformat(), step=step)]

    def change(self, ref: str) -> None:
        """Edits a note of an order."""
        self.shop.touch(int(ref))

    def remove(self, ref: str) -> None:
        """Deletes an order for good."""
        self.shop.delete(int(ref))

    def break_order(self, ref: str) -> None:
        """From now on Shopify fails at this order, unless it is asked for its id only."""
        self.shop.broken = ref

    def before_request(self, act: Callable[[], None]) -> None:
        """Calls ``act`` ahead of each request."""
        self.shop.before_request = act

    def fail(self, fault: str) -> None:
        """From now on every request for the API meets this fault."""
        self.shop.fail(_FAULTS[fault], times=None, path="/graphql.json")


@contextmanager
def stand_in() -> Iterator[ShopifyStandIn]:
    """A shop without orders."""
    shop = Shop(bucket=Bucket(maximum=1_000_000, restore=50_000))
    with serve(shop) as url:
        yield ShopifyStandIn(shop, url)
    assert not shop.mistakes
