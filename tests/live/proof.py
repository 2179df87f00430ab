"""One shop: history, a live day with a killed daemon and a restarted shop, and the comparison at the end."""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.sdk import registry
from tests.live.comparison import differences
from tests.live.process import free_port
from tests.live.recording import Facts, record
from tests.live.relay import Relay, relayed
from tests.live.shop import Journey, LiveShop, Truth
from tests.privy import RunningSandbox, running_sandbox
from tests.program import Program, Running

STORE = "live"
POLL = 3.0  # seconds
OPEN_EVERY = 20.0  # seconds from one sweep over open orders to the next
PER_MINUTE = 60  # requests a minute that the sweep may make
AGE = 130.0  # seconds; polls read the two minutes before the newest order again, whether they moved or not
SLACK = 20.0  # seconds for the delivery, and for a machine that does more than this
PRIVY_PER_MINUTE = 1200


@dataclass
class Result:
    """What was seen. ``faults`` are sentences; none means that the proof holds."""

    shop: str
    orders: int = 0
    past: int = 0
    steps: int = 0
    placed_flows: int = 0
    calls: int = 0
    per_minute: float = 0.0
    sweep_per_minute: int = 0
    limit: float = 0.0
    silent: frozenset[str] = frozenset()
    latency: dict[str, list[float]] = field(default_factory=dict)  # seconds from a step to Privy, by step
    seconds: dict[str, float] = field(default_factory=dict)  # by part of the run
    faults: list[str] = field(default_factory=list)


class Proof:
    """The run itself. ``orders`` are all refs with their journeys, the past ones first."""

    def __init__(self, shop: LiveShop, relay: Relay, sandbox: RunningSandbox, program: Program) -> None:
        self.shop = shop
        self.relay = relay
        self.sandbox = sandbox
        self.program = program
        self.result = Result(shop.title, silent=shop.silent)
        self.journeys = [*shop.live, Journey(shop.live[0].wish)]
        self.past: list[str] = []
        self.live: list[str] = []
        self.truths: dict[str, Truth] = {}
        self.running: Running | None = None
        self.last_wave = datetime.now(UTC)
        self._reading = asyncio.Semaphore(2)  # the shop has other work
        self._since = time.monotonic()

    async def run(self) -> Result:
        """All of it; what does not hold is in the result, what cannot go on raises."""
        for journey in self.shop.past:
            ref = await self.shop.place(journey.wish)
            self.past.append(ref)
            for step in journey.steps:
                await self.shop.step(ref, step)
        self._part("history placed")
        await asyncio.sleep(2.0)  # a clear moment between the past and the store's first start
        self.running = await self._start()
        try:
            await self.program.good("backfill", "--since", "2020-01-01", "--json")
            await self._agree(self.past, "history")
            self._part("history brought in")
            await self._place_all()
            await self._agree(self.live, "placed")
            self._part("orders placed")
            await self._age()
            self._part("orders aged")
            await self._steps()
            self._part("orders moved")
            await self._finish()
        finally:
            if self.running.process.returncode is None:
                self.running.signal(signal.SIGTERM)
            ended = await self.running.end()
            if ended.code or "Traceback" in self.program.printed():
                self.result.faults.append(f"the daemon ended with {ended.code}; see {self.running.err}")
        return self.result

    async def _start(self) -> Running:
        running = await self.program.start("run")
        await running.until_event("daemon.started")
        return running

    async def _age(self) -> None:
        """From here on no overlap of the polls finds what moved by itself: one order is much younger."""
        await asyncio.sleep(AGE)
        self.live.append(await self.shop.place(self.journeys[-1].wish))
        await self._agree(self.live[-1:], "a late customer")

    async def _place_all(self) -> None:
        """Customers order; amid that the daemon is killed, and orders come while it is dead."""
        assert self.running is not None
        third = len(self.shop.live) // 3
        for number, journey in enumerate(self.journeys[:-1]):
            if number == third:
                self.running.signal(signal.SIGKILL)
                await self.running.process.wait()
            if number == 2 * third:
                self.running = await self._start()
            self.live.append(await self.shop.place(journey.wish))

    async def _steps(self) -> None:
        """The first steps of all orders, then the second ones, and so on; each wave is waited for.

        In the second wave the daemon is killed once more. Before the third the shop is restarted, and sends
        webhooks from then on.
        """
        assert self.running is not None
        moves = [list(zip([ref] * len(one.steps), one.steps, strict=True)) for ref, one in self._live()]
        moves += [[(self.past[index], step)] for index, step in self.shop.later]
        for wave in range(max(len(each) for each in moves)):
            due = [each[wave] for each in moves if wave < len(each)]
            if wave == 2:
                await self.shop.restart(self._hook, self._secret)
            self.last_wave = datetime.now(UTC)
            followed = []
            for number, (ref, step) in enumerate(due):
                if wave == 1 and number == len(due) // 2:
                    self.running.signal(signal.SIGKILL)
                    await self.running.process.wait()
                await self.shop.step(ref, step)
                followed.append(
                    asyncio.create_task(self._follow(ref, f"wave {wave + 1}", step, timed=wave != 1))
                )
            if wave == 1:
                self.running = await self._start()
            await asyncio.gather(*followed)
            self.result.steps += len(due)

    def _live(self) -> list[tuple[str, Journey]]:
        return list(zip(self.live, self.journeys, strict=True))

    async def _agree(self, refs: Sequence[str], what: str) -> None:
        """Wait until Privy holds these orders as the shop says them now."""
        await asyncio.gather(*(self._follow(ref, what) for ref in refs))

    async def _follow(self, ref: str, what: str, step: str = "", *, timed: bool = False) -> None:
        """Wait until Privy holds an order as the shop says it now, and note how long that took."""
        self.result.limit = self.limit
        began, limit = time.monotonic(), self.limit * (1 if timed else 2)
        async with self._reading:
            truth = self.truths[ref] = await self.shop.truth(ref)
        while self._differing(truth):
            if time.monotonic() > began + limit:
                after = f" after {step}" if step else ""
                for sentence in self._differing(truth):
                    self.result.faults.append(f"{what}: order {ref}{after}, in {limit:.0f} s: {sentence}")
                return
            await asyncio.sleep(0.2)
        if timed:
            self.result.latency.setdefault(step, []).append(time.monotonic() - began)

    @property
    def limit(self) -> float:
        """In how many seconds the sweep comes round to every open order, and what it finds is delivered."""
        batch = registry.adapter(self.shop.platform).batch
        at_once = max(1, int(OPEN_EVERY / 60 * PER_MINUTE)) * batch
        rounds = math.ceil((len(self.past) + len(self.live)) / at_once)
        return rounds * OPEN_EVERY * 1.25 + SLACK

    def _differing(self, truth: Truth) -> list[str]:
        order = self.sandbox.ledger.orders.get(truth.order_id)
        return differences(truth, order.fields if order else None)

    async def _finish(self) -> None:
        """The comparison, the flows, the sum, and the quiet after it."""
        result, everything = self.result, [*self.past, *self.live]
        await self._agree(everything, "at the end")
        known = {self.truths[ref].order_id: ref for ref in everything}
        result.orders, result.past = len(everything), len(self.past)
        for order_id in self.sandbox.ledger.orders.keys() - known.keys():
            result.faults.append(f"Privy holds {order_id}, which is no order of the shop")
        flows = [flow for flow in self.sandbox.ledger.flows if flow.kind == "Order Placed"]
        result.placed_flows = len(flows)
        for ref in everything:
            fired = sum(flow.order_id == self.truths[ref].order_id for flow in flows)
            if fired != (ref in self.live):
                result.faults.append(f"order {ref}: Order Placed started {fired} times")
        old = {self.truths[ref].order_id for ref in self.past}
        for flow in self.sandbox.ledger.flows:
            if flow.order_id in old:
                result.faults.append(f"order {known[flow.order_id]}: {flow.kind} for an order of the past")
        added = (await self.program.good("reconcile", STORE, "--since", "2020-01-01", "--json")).json
        result.faults += [f"reconcile does not add up: {one}" for one in _sums(added) if not one["adds_up"]]
        calls = len(self.sandbox.arrivals)
        await asyncio.sleep(OPEN_EVERY * 1.5)
        if len(self.sandbox.arrivals) != calls:
            result.faults.append(
                f"{len(self.sandbox.arrivals) - calls} calls for orders that stand as they were"
            )
        result.calls = calls
        seen = self.relay.requests
        result.per_minute = 60 * len(seen) / (seen[-1].at - seen[0].at)
        result.sweep_per_minute = self._busiest_minute()
        if result.sweep_per_minute > PER_MINUTE:
            result.faults.append(f"the sweep made {result.sweep_per_minute} requests in a minute")
        self._part("compared")

    def _busiest_minute(self) -> int:
        requests = self.relay.requests
        times = [one.at for index, one in enumerate(requests) if self.shop.is_sweep(requests, index)]
        return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)

    def _part(self, name: str) -> None:
        now = time.monotonic()
        self.result.seconds[name] = now - self._since
        self._since = now
        print(f"  {self.shop.title}: {name} ({self.result.seconds[name]:.0f} s)", flush=True)

    def facts(self) -> Facts:
        """What a recording of the shop as it is now is to be held against."""
        newest = self.live[-8:]
        placed_since = self.truths[newest[0]].placed_at
        return Facts(
            path=self.shop.path,
            title=self.shop.title,
            options=self.shop.store.get("options", {}),
            mapping=self.shop.store.get("mapping", {}),
            recorded_at=datetime.now(UTC),
            changed_since=self.last_wave if self.shop.dated else placed_since,
            placed_since=placed_since,
            refs=newest[:3],
            truths=self.truths,
        )

    @property
    def _hook(self) -> str:
        return f"http://{self.program.configuration['listen']}/webhooks/{STORE}"

    @property
    def _secret(self) -> str:
        return self.program.variables["HOOK_SECRET"]


def _sums(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else answer["stores"]


async def prove(shop: LiveShop, folder: Path, *, keep: bool) -> Result:
    """Open the shop, run the proof in ``folder``, ``keep`` a recording if it holds, close the shop."""
    began = time.monotonic()
    try:
        await shop.open()
        opened = time.monotonic() - began
        print(f"  {shop.title}: open at {shop.url} ({opened:.0f} s)", flush=True)
        async with (
            relayed(shop.url) as relay,
            running_sandbox(per_minute=PRIVY_PER_MINUTE, per_day=None) as privy,
        ):
            program = configured(shop, relay.url, privy, folder)
            proof = Proof(shop, relay, privy, program)
            result = await proof.run()
        if keep and not result.faults:
            await record(shop, proof.facts())
    finally:
        await shop.close()
    result.seconds = {"opened": opened, **result.seconds}
    return result


def configured(shop: LiveShop, url: str, privy: RunningSandbox, folder: Path) -> Program:
    """What an operator would write."""
    program = Program(folder, shop=url, privy=privy.base_url, token=privy.token, anew=True)
    program.variables |= {**shop.variables, "HOOK_SECRET": "live-secret-of-the-proof"}
    program.configuration["listen"] = f"127.0.0.1:{free_port()}"
    account = program.configuration["accounts"]["main"]
    account["quota"] = {"per_minute": PRIVY_PER_MINUTE, "per_day": 10_000_000}
    program.configuration["stores"] = {
        STORE: {
            "platform": shop.platform,
            "url": url + shop.path,
            **shop.store,
            "account": "main",
            "poll": f"{POLL:.0f}s",
            "webhook_secret": "${HOOK_SECRET}",
            "reconcile": {"open_every": f"{OPEN_EVERY:.0f}s", "per_minute": PER_MINUTE},
        }
    }
    program.write()
    return program
