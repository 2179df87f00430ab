"""What no poll shows reaches Privy with the next sweep over open orders, at few requests to the shop."""

from __future__ import annotations

from pathlib import Path

from tests.privy import running_sandbox
from tests.program import STORE, Program, until
from tests.shops.vendure.contract import stand_in

TOKEN = "privy_test"


async def test_silent_changes_arrive_with_the_sweep_which_asks_for_many_orders_at_once(
    tmp_path: Path,
) -> None:
    with stand_in() as stand:
        async with running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox:
            program = Program(tmp_path, shop=stand.url, privy=sandbox.base_url, token=TOKEN)
            program.variables["SHOP_KEY"] = stand.shop.key
            program.configuration["stores"][STORE] = {
                "platform": "vendure",
                "url": stand.url,
                "credentials": {"api_key": "${SHOP_KEY}"},
                "account": "main",
                "poll": "1s",
                "reconcile": {"open_every": "10s", "per_minute": 60},
            }
            program.write()
            refs = stand.place(120)
            await program.good("backfill", "--since", "2020-01-01")
            await until(lambda: len(sandbox.ledger.orders) == 120)
            calls = len(sandbox.arrivals)

            stand.shop.deliver(refs[0])
            stand.shop.refund(refs[60], 500)
            stand.shop.refund(refs[61], 5937)
            expected = {refs[0]: ("paid", "delivered"), refs[60]: ("partially_refunded", "unfulfilled")}
            expected[refs[61]] = ("refunded", "unfulfilled")

            def statuses() -> dict[str, tuple[str, str]]:
                orders = sandbox.ledger.orders
                return {
                    ref: (
                        orders[int(ref)].fields["financial_status"],
                        orders[int(ref)].fields["fulfillment_status"],
                    )
                    for ref in expected
                }

            before = len(stand.shop.requests)
            async with program.daemon():
                await until(lambda: statuses() == expected)
            assert len(sandbox.arrivals) == calls + 3  # what stands as it was costs no call
            conditions = [
                asked["variables"]["options"]["filter"]["_and"][-1]
                for asked in stand.shop.requests[before:]
                if "options" in asked["variables"]
            ]
            sweeps = [one["id"]["in"] for one in conditions if "id" in one]
            assert {ref for sweep in sweeps for ref in sweep} == set(refs)
            assert [len(sweep) for sweep in sweeps[:3]] == [50, 50, 20]
