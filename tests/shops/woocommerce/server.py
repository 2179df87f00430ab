"""The stand-in on a socket of 127.0.0.1."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tests.shops import serving
from tests.shops.woocommerce.api import application
from tests.shops.woocommerce.shop import Shop


def serve(shop: Shop, port: int = 0) -> AbstractContextManager[str]:
    """The shop's address, while it is served by a thread of its own."""
    return serving.serve(lambda abort: application(shop, abort), port)
