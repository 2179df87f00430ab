"""The promises under fire: the real command line, real sockets, scripted faults, and a judge."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fire.hatchery import Hatchery, Plugin, hatchery
from tests.fire.trial import HISTORY, kill, trial
from tests.fire.weather import KINDS, STALE, Weather

SOAK = bool(os.environ.get("SOAK"))  # ``make soak``: the long versions
TOGETHER = 3  # trials at a time, where they mostly wait
KILLS, ORDERS = (100, 5000)


@pytest.fixture(scope="module")
def nest() -> Iterator[Hatchery]:
    with hatchery() as parent:
        yield parent


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_fails_on_either_side_every_promise_is_kept(
    tmp_path: Path, nest: Hatchery, seed: int
) -> None:
    async with trial(tmp_path, nest, seed=seed, orders=60) as fire:
        refused = {fire.dice.choice(fire.trade.old)}
        fire.refused |= refused
        stormy = Weather(seed=seed, share=0.35, refused=frozenset(refused), seconds=1.0)
        fire.privy.set(stormy)
        fire.front.set(Weather(seed=seed + 100, share=0.25, kinds=(*KINDS, STALE, STALE), path="/orders"))
        running = await fire.program.start(*HISTORY)
        for _ in range(8):
            fire.trade.act()
            await asyncio.sleep(0.4)
        running.signal(signal.SIGINT)
        await running.end()
        broken = await fire.settled()
        assert broken == []


# Dying

EVERYWHERE = ("commit", "request", "answer")


@pytest.mark.parametrize("kind", [*EVERYWHERE, *(["write", "committed"] if SOAK else [])])
async def test_dying_at_each_commit_request_and_answer_breaks_no_promise(
    tmp_path: Path, nest: Hatchery, kind: str
) -> None:
    """As SQLite's authors do it: one run for every place to die, until one comes to its end."""

    async def die(number: int) -> bool:
        async with trial(tmp_path / str(number), nest, seed=number, orders=3) as fire:
            fire.trade.act()
            abort = Plugin("plugins.abort", {"kind": kind, "number": number})
            ended = await (await fire.program.start(*HISTORY, plugins=[abort])).end()
            fire.trade.act()
            assert await fire.settled() == [], f"died at {kind} {number}"
            return ended.code == -signal.SIGKILL

    number = 1
    while all(await asyncio.gather(*(die(number + more) for more in range(TOGETHER)))):
        number += TOGETHER
    assert number > 5


async def test_a_backfill_killed_a_hundred_times_among_live_edits_keeps_every_promise(
    tmp_path: Path, nest: Hatchery
) -> None:
    """The account's limit, which is judged too, is such that the kills come amid the work."""
    async with trial(
        tmp_path, nest, seed=2026, orders=ORDERS, factor=60.0, per_minute=ORDERS // 12, latency=0.02
    ) as fire:
        for number in range(KILLS):
            command = HISTORY if number % 2 else ("run",)
            running = await fire.program.start(*command)
            fire.trade.act()
            await asyncio.sleep(fire.dice.uniform(0.0, 0.5))
            fire.trade.act()
            await kill(running)
        assert len(fire.sandbox.ledger.orders) < ORDERS  # it was killed amid its work each time
        assert await fire.settled() == []
