"""The promises over Shopify: whatever fails between it, the program and Privy, and when the program dies."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fire.hatchery import Hatchery, Plugin
from tests.fire.oracle import Evidence, violations
from tests.fire.proxy import Proxy, before
from tests.fire.trial import kill, said
from tests.fire.weather import Weather
from tests.privy import RunningSandbox, running_sandbox
from tests.program import SHOPIFY, STORE, TOKEN, Program, Truth
from tests.shops.shopify import Bucket, Shop, serve

LONG_AGO = "2020-01-01"
HISTORY = ("backfill", "--since", LONG_AGO)
FACTOR = 300.0  # how much faster durations pass for the program
ORDERS = 60


@dataclass
class Fire:
    """A shop with history that goes on trading, and both its sides behind faulty proxies."""

    program: Program
    shop: Shop
    sandbox: RunningSandbox
    privy: Proxy
    front: Proxy
    dice: random.Random
    old: list[int]
    live: list[int] = field(default_factory=list)

    def act(self) -> None:
        """A new order, and another version of two live ones and an old one: each adds to the total."""
        self.live.append(self.shop.add(self.dice.choice(("card", "included", "code", "draft"))))
        for number in [*self.dice.sample(self.live, min(2, len(self.live))), self.dice.choice(self.old)]:
            self.shop.edit(number, title="Gift", price="1.00")
        if self.dice.random() < 0.3:
            self.shop.expire_tokens()

    async def to_the_end(self, *command: str) -> None:
        """Run a command; what fails is for the oracle to tell, but never with a traceback."""
        finished = await (await self.program.start(*command)).end(240)
        assert "Traceback" not in finished.stderr, finished.stderr

    async def settled(self) -> list[str]:
        """Calm weather and the program run to its end; then the broken promises."""
        self.privy.set(Weather())
        self.front.set(Weather())
        await self.to_the_end(*HISTORY)
        await self.to_the_end("sync", "--seconds", "15000")
        sums = await said(self.program, "reconcile", STORE, "--since", LONG_AGO, "--json")
        status = await said(self.program, "status", "--json")
        return violations(
            Evidence(
                truth=Truth(self.program, self.shop, self.sandbox),
                arrivals=self.sandbox.arrivals,
                flows=self.sandbox.ledger.flows,
                moments=[],
                old=set(self.old),
                live=set(self.live),
                sums=sums,
                stores=status["stores"],
            )
        )


@asynccontextmanager
async def fire(folder: Path, nest: Hatchery, seed: int, **options: Any) -> AsyncIterator[Fire]:
    """A store that went live just now; ``options`` are the store's."""
    dice = random.Random(seed)
    shop = Shop(bucket=Bucket(1_000_000, 100_000))
    shop.bulk.looks = 0
    begin = time.time()
    with serve(shop) as url:
        async with (
            running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox,
            before(sandbox.base_url) as (privy, privy_url),
            before(url) as (front, front_url),
        ):
            shop.bulk.url = front_url
            fast = Plugin("plugins.fast", {"begin": begin, "factor": FACTOR})
            program = Program(
                folder,
                shop=front_url,
                privy=privy_url,
                token=TOKEN,
                front=SHOPIFY,
                hatchery=nest,
                plugins=[fast],
            )
            program.store["options"] = options
            program.store["live_from"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
            program.write()
            kinds = ("card", "code", "automatic", "draft", "included", "currencies", "guest", "transfer")
            old = shop.seed(ORDERS, until="2026-03-01T00:00:00+00:00", kinds=kinds)
            yield Fire(program, shop, sandbox, privy, front, dice, old)
    assert not shop.mistakes


@pytest.mark.parametrize(
    ("seed", "options"),
    [(1, {"bulk_above": 10}), (2, {"bulk_above": 1000, "page_size": 7})],
    ids=["by-report", "by-pages"],
)
async def test_whatever_fails_on_either_side_every_promise_is_kept(
    tmp_path: Path, nest: Hatchery, seed: int, options: dict[str, Any]
) -> None:
    async with fire(tmp_path, nest, seed, **options) as world:
        world.privy.set(Weather(seed=seed, share=0.3, seconds=1.5))
        world.front.set(Weather(seed=seed + 100, share=0.25, seconds=2.5))
        for command in (HISTORY, ("run",), HISTORY, ("run",)):
            running = await world.program.start(*command)
            for _ in range(3):
                world.act()
                await asyncio.sleep(world.dice.uniform(0.3, 0.8))
            await kill(running)
        assert await world.settled() == []
