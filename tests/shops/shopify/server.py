"""The stand-in on a socket of 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.shops import serving
from tests.shops.shopify.api import application
from tests.shops.shopify.shop import Shop


@contextmanager
def serve(shop: Shop, port: int = 0) -> Iterator[str]:
    """The shop's address, while it is served by a thread of its own."""
    with serving.serve(lambda abort: application(shop, abort), port) as url:
        shop.bulk.url = url
        try:
            yield url
        finally:
            shop.webhooks.close()
