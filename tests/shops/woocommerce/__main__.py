"""``python -m tests.shops.woocommerce``: the stand-in as a process."""

from __future__ import annotations

import argparse

from tests.shops.serving import address, listening, server_of
from tests.shops.woocommerce.api import application
from tests.shops.woocommerce.shop import Key, Shop


def main() -> None:
    """Prints the address once it can be called, then serves until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.shops.woocommerce", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--orders", type=int, default=0, help="how many orders to begin with")
    parser.add_argument("--step", type=float, default=60.0, help="seconds between two of them")
    parser.add_argument("--until", help="when the last was placed (ISO 8601 with offset; default now)")
    parser.add_argument("--zone", default="America/New_York")
    parser.add_argument("--storage", choices=["hpos", "legacy"], default="hpos")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per request")
    parser.add_argument("--secure", action="store_true", help="sign-in as over https: Basic is let through")
    parser.add_argument("--key", default="ck_test")
    parser.add_argument("--secret", default="cs_test")
    chosen = parser.parse_args()
    shop = Shop(zone=chosen.zone, secure=chosen.secure, storage=chosen.storage)
    shop.keys = {chosen.key: Key(chosen.secret)}
    shop.latency = chosen.latency
    shop.seed(chosen.orders, step=chosen.step, until=chosen.until)
    listener = listening(chosen.port)
    print(address(listener), flush=True)
    server_of(lambda abort: application(shop, abort)).run([listener])


if __name__ == "__main__":
    main()
