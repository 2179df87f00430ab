"""What happens in a trial. Each scenario ends calmly and gives the broken promises.

``plugins`` are saboteurs.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from tests.fire.hatchery import Hatchery, Plugin
from tests.fire.trial import HISTORY, Trial, kill, trial
from tests.fire.weather import KINDS, STALE, Weather
from tests.program import Running, until

TOGETHER = 5  # trials at a time: each mostly waits


class Scenario(Protocol):
    """A trial in ``folder``; gives the broken promises."""

    async def __call__(
        self, folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()
    ) -> list[str]: ...


async def stormy(folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()) -> list[str]:
    """Every fault on both sides, while history comes in and the shop trades; one order is refused.

    Either changes may be silent, or answers stale: of two states with one change time nobody can tell which
    of them an old answer shows.
    """
    async with trial(folder, nest, seed=seed, orders=60, ticks=seed % 2 == 1) as fire:
        fire.sabotage(plugins)
        stale = (STALE,) if fire.trade.ticks else ()
        fire.refused.add(fire.dice.choice(fire.trade.old))
        fire.privy.set(Weather(seed=seed, share=0.35, refused=frozenset(fire.refused), seconds=1.5))
        fire.front.set(Weather(seed=-seed, share=0.25, kinds=(*KINDS, *stale), path="/orders", seconds=2.5))
        await _traded(fire, *HISTORY)
        return await fire.settled()


async def lagging(folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()) -> list[str]:
    """A shop half of whose answers are from earlier."""
    async with trial(folder, nest, seed=seed, orders=5, ticks=True) as fire:
        fire.sabotage(plugins)
        fire.front.set(Weather(seed=seed, share=0.5, kinds=(STALE,), path="/orders"))
        await _traded(fire, "run")
        return await fire.settled()


async def locked_out(
    folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()
) -> list[str]:
    """Privy refuses the token for a while; for some orders a proxy gives the answer to another."""
    async with trial(folder, nest, seed=seed, orders=40) as fire:
        fire.sabotage(plugins)
        mixed_up = frozenset(fire.dice.sample(fire.trade.old, 3))
        fire.privy.set(Weather(locked=10, unlocked=20, mixed_up=mixed_up))
        await _traded(fire, *HISTORY)
        return await fire.settled()


async def restarted(folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()) -> list[str]:
    """More live orders than a minute takes, and a program that is killed before the minute is over.

    The minute is five true seconds, so that the next start is within it on a busy machine too.
    """
    async with trial(folder, nest, seed=seed, orders=1, factor=12.0, per_minute=40) as fire:
        fire.sabotage(plugins)
        for _ in range(100):
            fire.trade.live.append(fire.shop.add())
        for number in (1, 2):
            running = await fire.program.start("run")
            await until(lambda number=number: len(fire.privy.arrivals) >= number * 38)  # type: ignore[misc]
            await asyncio.sleep(0.1)  # all of them are answered, and recorded
            await kill(running)
        return await fire.settled()


async def catching_up(
    folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()
) -> list[str]:
    """Pages of changes, several within one second, read by polls alone, with a death on the way."""
    async with trial(folder, nest, seed=seed, orders=1) as fire:
        fire.sabotage(plugins)
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
        fire.program.store["live_from"] = begin.isoformat()
        fire.program.store["options"]["page_size"] = 4
        fire.program.write()
        for number in range(18):
            at = begin + timedelta(minutes=10) * (1 + number // 3)
            fire.trade.live.append(fire.shop.add(placed_at=at.isoformat()))
        fire.shop.delete(fire.trade.old.pop())
        abort = Plugin("plugins.abort", {"kind": "commit", "number": seed})
        ended = await (await fire.program.start("sync", plugins=[abort])).end()
        await (await fire.program.start("sync")).end()
        return _unless_survived(await fire.judged(), ended.code)


def dying(kind: str) -> Scenario:
    """A small run that dies at the ``seed``-th occurrence; see ``plugins.abort``."""

    async def scenario(
        folder: Path, nest: Hatchery, seed: int = 1, plugins: Sequence[Plugin] = ()
    ) -> list[str]:
        async with trial(folder, nest, seed=seed, orders=3) as fire:
            fire.sabotage(plugins)
            fire.trade.act()
            abort = Plugin("plugins.abort", {"kind": kind, "number": seed})
            ended = await (await fire.program.start(*HISTORY, plugins=[abort])).end()
            fire.trade.act()
            return _unless_survived(await fire.settled(), ended.code)

    return scenario


SURVIVED = "the run came to its end"  # said by scenarios that die at a place which does not come


async def first_broken(
    scenario: Scenario,
    folder: Path,
    nest: Hatchery,
    seeds: Sequence[int],
    plugins: Sequence[Plugin] = (),
    promise: str = "",
) -> list[str]:
    """Try seeds, some at a time, until one says something: broken promises (``promise``), or SURVIVED."""
    broken: set[str] = set()
    for start in range(0, len(seeds), TOGETHER):
        async with asyncio.TaskGroup() as group:
            tried = [
                group.create_task(scenario(folder / str(seed), nest, seed, plugins))
                for seed in seeds[start : start + TOGETHER]
            ]
        broken = {one for tries in tried for one in tries.result()}
        if any(one.startswith(promise) for one in broken):
            break
    return sorted(broken)


def _unless_survived(broken: list[str], code: int) -> list[str]:
    assert code in (-signal.SIGKILL, 0), "it ended in a fault: nobody knows whether that place came"
    return broken if code == -signal.SIGKILL else [*broken, SURVIVED]


async def _traded(fire: Trial, *command: str) -> None:
    running = await fire.program.start(*command)
    await _asked(fire, running)
    for _ in range(8):
        fire.trade.act()
        await asyncio.sleep(0.3)
        await _asked(fire, running)
    running.signal(signal.SIGINT)
    await running.end()


async def _asked(fire: Trial, running: Running) -> None:
    """Until the program asked for orders twice more, or ended: on a busy machine that takes its time."""

    def asked() -> int:
        return sum("/orders?" in one.path for one in fire.front.arrivals)

    enough = asked() + 2
    with suppress(AssertionError):  # it may have to rest for longer: that is weather too
        await until(lambda: running.process.returncode is not None or asked() >= enough, 5.0)
