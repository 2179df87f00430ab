"""The promises under fire: the real command line, real sockets, scripted faults, and a judge."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.fire import scenarios
from tests.fire.hatchery import Hatchery
from tests.fire.scenarios import Scenario, first_broken
from tests.fire.trial import HISTORY, kill, trial

SOAK = bool(os.environ.get("SOAK"))  # ``make soak``: the long versions
KILLS, ORDERS = (100, 5000)


@pytest.mark.parametrize("seed", range(20 if SOAK else 2))
@pytest.mark.parametrize(
    "scenario", [scenarios.stormy, scenarios.lagging, scenarios.locked_out, scenarios.restarted]
)
async def test_whatever_fails_on_either_side_every_promise_is_kept(
    tmp_path: Path, nest: Hatchery, scenario: Scenario, seed: int
) -> None:
    assert await scenario(tmp_path, nest, seed) == []


# Dying

EVERYWHERE = ("commit", "request", "answer")


@pytest.mark.parametrize("kind", [*EVERYWHERE, *(["write", "committed"] if SOAK else [])])
async def test_dying_at_each_commit_request_and_answer_breaks_no_promise(
    tmp_path: Path, nest: Hatchery, kind: str
) -> None:
    """As SQLite's authors do it: one run for every place to die, until one comes to its end."""
    assert await first_broken(scenarios.dying(kind), tmp_path, nest, range(1, 1000)) == [scenarios.SURVIVED]


async def test_dying_at_each_commit_of_a_poll_skips_no_order(tmp_path: Path, nest: Hatchery) -> None:
    assert await first_broken(scenarios.catching_up, tmp_path, nest, range(1, 40)) == [scenarios.SURVIVED]


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
