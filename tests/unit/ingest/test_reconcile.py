"""A shop is read again: what was missed or changed silently is made good, and the sum is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.privy import RunningSandbox, running_sandbox
from tests.program import Program, until
from tests.shops.woocommerce import Shop, serve

LONG_AGO = "2000-01-01"


@dataclass
class World:
    shop: Shop
    sandbox: RunningSandbox
    program: Program


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    shop = Shop(secure=True)
    with serve(shop) as url:
        async with running_sandbox(per_minute=None, per_day=None, token="privy_test") as sandbox:
            yield World(
                shop, sandbox, Program(tmp_path, shop=url, privy=sandbox.base_url, token="privy_test")
            )


async def test_the_sum_adds_up_and_silent_changes_are_brought_in(world: World) -> None:
    shop, program = world.shop, world.program
    numbers = shop.seed(12, until="2026-03-01T00:00:00+00:00", names=["processing_card_paid"])
    await program.good("backfill", "--since", LONG_AGO)
    assert len(world.sandbox.ledger.orders) == 12

    # Each of these is invisible to a poll that has already passed their change times.
    shop.set_clock("2026-03-02T00:00:00+00:00")
    shop.edit(numbers[0], status="completed")
    shop.trash(numbers[1])
    shop.delete(numbers[2])
    missed = shop.add()
    shop.set_clock(datetime.now(UTC).isoformat())

    answer = (await program.good("reconcile", "--since", LONG_AGO, "--json")).json[0]
    assert answer["adds_up"] is True
    assert (answer["listed"], answer["missing"], answer["gone"]) == (11, 0, 2)
    assert answer["delivered"] + answer["waiting"] + answer["failed"] + sum(answer["skipped"].values()) == 11
    await program.good("sync")

    orders = {number: order.fields for number, order in world.sandbox.ledger.orders.items()}
    assert orders[numbers[0]]["fulfillment_status"] == "fulfilled"
    for gone in (numbers[1], numbers[2]):
        assert (orders[gone]["financial_status"], orders[gone]["fulfillment_status"]) == (
            "voided",
            "restocked",
        )
    assert missed in orders
    assert not world.sandbox.ledger.flows

    before = len(world.sandbox.arrivals)
    again = (await program.good("reconcile", "--since", LONG_AGO, "--json")).json[0]
    assert (again["adds_up"], again["gone"]) == (True, 0)
    await program.good("sync")
    assert len(world.sandbox.arrivals) == before  # what stands as it was costs Privy no call


async def test_the_daemon_looks_after_open_orders_by_itself(world: World) -> None:
    shop, program = world.shop, world.program
    (number,) = shop.seed(1, until="2026-11-20T00:00:00+00:00", names=["processing_card_paid"])
    program.store["reconcile"] = {"open_every": "10s", "per_minute": 600}
    program.write()
    await program.good("backfill", "--since", LONG_AGO)
    shop.set_clock("2026-11-20T00:01:00+00:00")
    shop.edit(number, status="completed")
    async with program.daemon():
        await until(
            lambda: world.sandbox.ledger.orders[number].fields["fulfillment_status"] == "fulfilled",
            seconds=60,
        )
    assert not world.sandbox.ledger.flows
