"""A shop that trades, Privy behind a faulty proxy, and the command line between them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.fire.hatchery import Hatchery, Plugin
from tests.fire.oracle import Evidence, violations
from tests.fire.proxy import Proxy, before
from tests.fire.weather import Weather
from tests.privy import RunningSandbox, running_sandbox
from tests.program import STORE, Program, Running, Truth
from tests.shops.woocommerce import Shop, serve

TOKEN = "privy_planted_7f3a9c21"
LONG_AGO = "2020-01-01"
HISTORY = ("backfill", "--since", LONG_AGO)
TRIES = 5  # for what a busy machine can be too slow for
BEHIND = 600.0  # seconds; more than a trial has edits


class Trade:
    """What goes on at the shop meanwhile. Each edit adds a cent to the total: so versions can be told."""

    def __init__(self, shop: Shop, dice: random.Random, orders: int) -> None:
        self._shop = shop
        self._dice = dice
        self.old = shop.seed(orders, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
        self.live: list[int] = []
        self.ticks = False  # see ``trial``

    def act(self) -> None:
        """A new order, and changes of a few: live ones, and an old one."""
        self.live.append(self._shop.add())
        for number in self._dice.sample(self.live, min(2, len(self.live))):
            self.raise_total(number)
        self.raise_total(self._dice.choice(self.old))

    def raise_total(self, number: int) -> None:
        """Another version of an order."""
        if self.ticks:
            self._shop.clock.advance(1)
        total = Decimal(str(self._shop.order(number)["total"])) + Decimal("0.01")
        self._shop.edit(number, total=str(total))


@dataclass
class Trial:
    """``factor`` is how much faster durations pass for the program; see ``plugins.fast``."""

    program: Program
    shop: Shop
    sandbox: RunningSandbox
    privy: Proxy
    front: Proxy
    dice: random.Random
    trade: Trade
    factor: float
    limit: int = 0
    refused: set[int] = field(default_factory=set)
    patience: float = 240.0  # true seconds for a command that ought to end by itself

    def sabotage(self, plugins: Sequence[Plugin]) -> None:
        """Load saboteurs into all processes from now on; what does not end then is soon stopped."""
        self.program.plugins += plugins
        self.patience = 6.0 if plugins else self.patience

    async def settled(self) -> list[str]:
        """Calm weather, and the program run to its end; then the broken promises.

        History first, then a round for what changed meanwhile. What fails here is for the oracle to tell.
        """
        self.privy.set(Weather(refused=frozenset(self.refused)))
        self.front.set(Weather())
        await self._to_the_end(*HISTORY)
        await self._to_the_end("sync", "--seconds", "15000")
        return await self.judged()

    async def judged(self) -> list[str]:
        """The broken promises, as things stand."""
        sums = await said(self.program, "reconcile", STORE, "--since", LONG_AGO, "--json")
        status = await said(self.program, "status", "--json")
        truth = Truth(self.program, self.shop, self.sandbox)
        return violations(
            Evidence(
                truth=truth,
                arrivals=self.sandbox.arrivals,
                flows=self.sandbox.ledger.flows,
                moments=[one.at for one in self.privy.arrivals if one.path.startswith("/v1/")],
                old=set(self.trade.old),
                live=set(self.trade.live),
                refused=self.refused,
                limit=self.limit,
                window=60.0 / self.factor,
                sums=sums,
                stores=status["stores"],
            )
        )

    async def _to_the_end(self, *command: str) -> None:
        running = await self.program.start(*command)
        try:
            finished = await running.end(self.patience)
        except TimeoutError:
            running.signal(signal.SIGINT)
            finished = await running.end()
        assert "Traceback" not in finished.stderr, finished.stderr


async def said(program: Program, *command: str) -> Any:
    """What a command says as JSON. Asked again where it says nothing.

    Time-outs pass as fast as all else does, so on a busy machine even a calm shop can be late for once.
    """
    for _ in range(TRIES):
        finished = await program(*command)
        if finished.stdout:
            return finished.json
    raise AssertionError(finished.stderr)


async def kill(running: Running) -> None:
    """SIGKILL, unless it has come to its end already."""
    if running.process.returncode is None:
        running.signal(signal.SIGKILL)
    await running.process.wait()


@asynccontextmanager
async def trial(
    folder: Path,
    hatchery: Hatchery,
    *,
    seed: int,
    orders: int,
    factor: float = 300.0,
    per_minute: int = 0,
    latency: float = 0.0,
    ticks: bool = False,
) -> AsyncIterator[Trial]:
    """A trial whose store went live just now. ``per_minute`` is the account's limit (0: none to speak of).

    With ``ticks`` the shop's clock goes on by a second with each edit, so that no two versions of an order
    have one change time. It begins so far behind that it stays behind: of changes dated later than they were
    fetched the order of the fetches decides, and stale answers are in the wrong one.
    """
    dice = random.Random(seed)
    shop = Shop(secure=True)
    if ticks:
        shop.clock.advance(-BEHIND)
    folder.mkdir(exist_ok=True)
    begin = time.time()
    with serve(shop) as shop_url:
        async with (
            running_sandbox(per_minute=None, per_day=None, token=TOKEN, latency=latency) as sandbox,
            before(sandbox.base_url) as (privy, privy_url),
            before(shop_url) as (front, front_url),
        ):
            shop.home = "https://shop.acme.example"
            program = Program(
                folder,
                shop=front_url,
                privy=privy_url,
                token=TOKEN,
                hatchery=hatchery,
                plugins=[Plugin("plugins.fast", {"begin": begin, "factor": factor})],
            )
            live_from = shop.clock.now() - timedelta(seconds=1)
            program.store.update({"live_from": live_from.isoformat(), "poll": "15s"})
            if per_minute:
                program.configuration["accounts"]["main"]["quota"]["per_minute"] = per_minute
            program.write()
            trade = Trade(shop, dice, orders)
            trade.ticks = ticks
            yield Trial(program, shop, sandbox, privy, front, dice, trade, factor, per_minute)
