"""``python -m tests.bench.bare SHOP SINK DATABASE``: the least that moving orders takes, as a yardstick.

Pages by aiohttp, a row an order in SQLite, one commit a page and one a group of answers, a small body an
order to the sink, sixteen at a time. No mapping, no versions, no quota: what a machine needs for this is
what it needs for any connector.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from base64 import b64encode

import aiohttp

TOGETHER = 16
HEADERS = {"Authorization": "Basic " + b64encode(b"ck_test:cs_test").decode()}


async def move(shop: str, sink: str, path: str) -> None:
    """Every order of the shop to the sink."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, body TEXT, state TEXT)"
    )
    async with aiohttp.ClientSession() as session:
        page = 1
        while True:
            asked = f"{shop}/wp-json/wc/v3/orders?per_page=100&status=any&page={page}"
            async with session.get(asked, headers=HEADERS) as answer:
                found = json.loads(await answer.read())
            if not found:
                return
            database.execute("BEGIN")
            database.executemany(
                "INSERT INTO orders VALUES (?, ?, 'waiting')", [(one["id"], json.dumps(one)) for one in found]
            )
            database.execute("COMMIT")
            for start in range(0, len(found), TOGETHER):
                some = found[start : start + TOGETHER]
                await asyncio.gather(*(_post(session, sink, one) for one in some))
                database.execute("BEGIN")
                database.executemany(
                    "UPDATE orders SET state = 'delivered' WHERE id = ?", [(one["id"],) for one in some]
                )
                database.execute("COMMIT")
            page += 1


async def _post(session: aiohttp.ClientSession, sink: str, order: dict[str, object]) -> None:
    body = {"order_id": order["id"], "total": order["total"], "lines": order["line_items"]}
    async with session.post(f"{sink}/v1/orders/placed", data=json.dumps(body).encode()) as answer:
        json.loads(await answer.read())


if __name__ == "__main__":
    asyncio.run(move(*sys.argv[1:]))
