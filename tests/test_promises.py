"""The promises under fire: the real command line, real sockets, scripted faults, and a judge."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fire.hatchery import Hatchery, Plugin, hatchery
from tests.fire.trial import HISTORY, trial
from tests.fire.weather import KINDS, STALE, Weather


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
        print(len(fire.privy.arrivals), len(fire.front.arrivals))
        assert broken == []


@pytest.mark.parametrize("kind", ["write", "commit", "committed", "request", "answer"])
async def test_dying_at_each_write_commit_request_and_answer_breaks_no_promise(
    tmp_path: Path, nest: Hatchery, kind: str
) -> None:
    """As SQLite's authors do it: one run for every place to die, until one comes to its end."""
    for number in itertools.count(1):
        async with trial(tmp_path / str(number), nest, seed=number, orders=3) as fire:
            fire.trade.act()
            abort = Plugin("plugins.abort", {"kind": kind, "number": number})
            ended = await (await fire.program.start(*HISTORY, plugins=[abort])).end()
            fire.trade.act()
            assert await fire.settled() == [], f"died at {kind} {number}"
        if ended.code != -signal.SIGKILL:
            assert ended.code == 0
            break
    print(kind, number)
    assert number > 5
