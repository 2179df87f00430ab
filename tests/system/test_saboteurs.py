"""A judge that never found anything proves nothing: faults put into the program on purpose are caught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fire import scenarios
from tests.fire.hatchery import Hatchery, Plugin
from tests.fire.scenarios import Scenario, first_broken


@pytest.mark.parametrize(
    ("saboteur", "scenario", "seeds", "promise"),
    [
        ("cursor_before_commit", scenarios.catching_up, range(1, 24), "newest"),
        ("counted_for_read", scenarios.catching_up, [99], "newest"),
        ("flag_lost_on_retry", scenarios.stormy, range(15), "flag"),
        ("spending_in_memory", scenarios.restarted, range(15), "limit"),
        ("delivered_before_sent", scenarios.stormy, range(15), "newest"),
        ("no_version_check", scenarios.lagging, range(15), "back"),
        ("no_second_guard", scenarios.stormy, range(15), "mail"),
        ("any_answer_counts", scenarios.locked_out, range(15), "newest"),
    ],
)
async def test_a_saboteur_is_caught(
    tmp_path: Path, nest: Hatchery, saboteur: str, scenario: Scenario, seeds: Sequence[int], promise: str
) -> None:
    plugins = [Plugin(f"saboteurs.{saboteur}")]
    broken = await first_broken(scenario, tmp_path, nest, seeds, plugins, promise)
    assert promise in {one.partition(":")[0] for one in broken}


async def test_the_second_guard_lets_no_mail_out_though_the_first_fails(
    tmp_path: Path, nest: Hatchery
) -> None:
    broken = await scenarios.stormy(tmp_path, nest, plugins=[Plugin("saboteurs.every_order_live")])
    told = {one.partition(":")[0] for one in broken}
    assert told
    assert not told & {"flag", "mail"}, [one for one in broken if one[:4] in ("flag", "mail")]
