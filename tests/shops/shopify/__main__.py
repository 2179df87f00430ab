"""``python -m tests.shops.shopify``: the stand-in as a process."""

from __future__ import annotations

import argparse

from tests.shops.serving import address, listening, server_of
from tests.shops.shopify.api import application
from tests.shops.shopify.cost import Bucket
from tests.shops.shopify.shop import Shop


def main() -> None:
    """Prints the address once it can be called, then serves until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.shops.shopify", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--orders", type=int, default=0, help="how many orders to begin with")
    parser.add_argument("--step", type=float, default=60.0, help="seconds between two of them")
    parser.add_argument("--until", help="when the last was placed (ISO 8601 with offset; default now)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds per request")
    parser.add_argument(
        "--restore", type=float, default=100.0, help="points a second; the bucket is 20 times"
    )
    chosen = parser.parse_args()
    shop = Shop(bucket=Bucket(20 * chosen.restore, chosen.restore))
    shop.latency = chosen.latency
    shop.seed(chosen.orders, step=chosen.step, until=chosen.until)
    listener = listening(chosen.port)
    shop.bulk.url = address(listener)
    print(address(listener), flush=True)
    server_of(lambda abort: application(shop, abort)).run([listener])


if __name__ == "__main__":
    main()
