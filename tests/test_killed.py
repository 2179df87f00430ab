"""Killed with -9 again and again, and started again each time: nothing is lost, nothing goes back in time."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connector import exact_json
from tests.privy import RunningSandbox, running_sandbox
from tests.program import Program, Running, Truth, until
from tests.shops.woocommerce import Shop, serve

TOKEN = "privy_killed_token"
KILLS = 20
OLD = 400


class Trade:
    """What goes on at the shop meanwhile. An edit adds a cent to the total, so that versions can be told."""

    def __init__(self, shop: Shop, dice: random.Random) -> None:
        self._shop = shop
        self._dice = dice
        self.old = shop.seed(OLD, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
        self.live: list[int] = []

    def act(self) -> None:
        """A new order, and changes of a few: live ones, and now and then an old one."""
        self.live.append(self._shop.add())
        for number in self._dice.sample(self.live, min(2, len(self.live))):
            self.raise_total(number)
        self.raise_total(self._dice.choice(self.old))

    def raise_total(self, number: int) -> None:
        total = Decimal(str(self._shop.order(number)["total"])) + Decimal("0.01")
        self._shop.edit(number, total=str(total))


class Scene:
    """A shop that trades, Privy, and a program that is killed."""

    def __init__(self, program: Program, shop: Shop, sandbox: RunningSandbox, dice: random.Random) -> None:
        self.program = program
        self.shop = shop
        self.sandbox = sandbox
        self.dice = dice
        self.trade = Trade(shop, dice)

    async def killed(self, *command: str) -> None:
        """Start the command and kill it: some runs at any instant of its start, most amid its work."""
        running = await self.program.start(*command)
        self.trade.act()
        if self.dice.random() < 0.2:
            await asyncio.sleep(self.dice.uniform(0.1, 1.0))
        else:
            more = len(self.sandbox.arrivals) + self.dice.randint(1, 15)
            await until(lambda: len(self.sandbox.arrivals) >= more or running.process.returncode is not None)
            await asyncio.sleep(self.dice.uniform(0.0, 0.05))
        self.trade.act()
        await kill(running)

    async def ends_well(self) -> None:
        """Every order in its final state, no message about an old one, one about each live one, none back."""
        truth = Truth(self.program, self.shop, self.sandbox)
        await until(lambda: self.last_told() and not truth.differing())
        assert truth.placed_flows() == dict.fromkeys(self.trade.live, 1)
        old, totals = set(self.trade.old), dict[int, Decimal]()
        assert not old & {flow.order_id for flow in self.sandbox.ledger.flows}
        for arrival in self.sandbox.arrivals:
            assert arrival.stored
            assert arrival.order_id is not None
            assert arrival.initial_sync is (arrival.order_id in old)
            total = Decimal(str(exact_json.decode(arrival.body.encode())["total"]))
            assert total >= totals.get(arrival.order_id, Decimal(0))
            totals[arrival.order_id] = total
        assert len(totals) == len(self.trade.old) + len(self.trade.live)

    def last_told(self) -> bool:
        """Whether as many orders arrived as there are; cheaper to ask than what is in them."""
        return len(self.sandbox.ledger.orders) == len(self.trade.old) + len(self.trade.live)


async def kill(running: Running) -> None:
    """SIGKILL, unless it has come to its end already."""
    if running.process.returncode is None:
        running.signal(signal.SIGKILL)
    await running.process.wait()


@contextmanager
def _variables(program: Program) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in program.variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    shop = Shop(secure=True)
    shop.latency = 0.02
    with serve(shop) as url:
        async with running_sandbox(per_minute=None, per_day=None, token=TOKEN, latency=0.05) as sandbox:
            program = Program(tmp_path, shop=url, privy=sandbox.base_url, token=TOKEN)
            live_from = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
            program.store["live_from"] = live_from.isoformat()
            program.write()
            with _variables(program):
                yield Scene(program, shop, sandbox, random.Random(2026))


async def test_a_backfill_killed_twenty_times_ends_with_every_order_in_its_final_state(scene: Scene) -> None:
    command = ("backfill", "--since", "2020-01-01")
    for _ in range(KILLS):
        await scene.killed(*command)
    assert len(scene.sandbox.ledger.orders) < OLD  # it was killed amid its work each time
    await scene.program.good(*command)
    await scene.program.good("sync")  # what changed after its last look
    await scene.ends_well()


async def test_a_daemon_killed_twenty_times_ends_with_every_order_in_its_final_state(scene: Scene) -> None:
    started = await scene.program.start("backfill", "--since", "2020-01-01")  # hands history to the daemons
    await until(lambda: scene.sandbox.arrivals)
    await kill(started)
    for _ in range(KILLS):
        await scene.killed("run")
    assert len(scene.sandbox.ledger.orders) < OLD  # it was killed amid its work each time
    async with scene.program.daemon():
        await scene.ends_well()
