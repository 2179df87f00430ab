"""How many transactions an idle poll takes, and an order from its webhook to Privy; printed as JSON.

``python -m tests.bench.steps CONFIGURATION SHOP``: its own process, because the benchmark imports little.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from connector.daemon.app import App
from connector.delivery.dispatcher import deliver
from connector.ingest.poll import poll
from connector.ingest.webhooks import Errands
from connector.sdk.contract import Notice
from connector.settings import loader
from connector.state import inbox
from tests.bench.programs import ask
from tests.state import transactions

NEVER = asyncio.Event()


async def count(configuration: Path, shop_url: str) -> dict[str, int]:
    """Of the configuration's one store, whose shop takes new orders at ``/control/add``."""
    async with App(loader.load(configuration), starts={"bench"}) as app:
        await app.recover()
        shop, sender = app.shops["bench"], app.senders["main"]
        for _ in range(2):  # the first looks the shop over, and reads what there is
            await poll(shop)
            await deliver(sender, NEVER)
        worker = Errands(shop, 60)
        await worker.run(NEVER)  # its first run takes back what an earlier process was troubled by
        with transactions(app.db) as idle:
            await poll(shop)
        order = await asyncio.to_thread(ask, f"{shop_url}/control/add", {})
        notice = [("bench", Notice(refs=(str(order["result"]),)))]
        with transactions(app.db) as webhook:
            await app.db.run(inbox.arrive, notice, now=app.clock.now(), steady=app.clock.steady())
            await worker.run(NEVER)
            await deliver(sender, NEVER)
        return {"idle poll": idle.number, "webhook to Privy": webhook.number}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(count(Path(sys.argv[1]), sys.argv[2]))))
