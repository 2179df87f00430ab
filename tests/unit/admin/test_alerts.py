"""What is wrong though nothing failed is found and said, by status and by check."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connector.admin import alerts
from connector.admin.alerts import Alarm
from connector.model.states import BreakerKind, BreakerScope
from connector.state import breakers
from tests.privy import running_sandbox
from tests.program import STORE, Program
from tests.shops.woocommerce import Shop, serve
from tests.state import NOW, State, open_state, version

HOUR = timedelta(hours=1)


def heard(state: State, now_plus: timedelta = timedelta()) -> list[Alarm]:
    return state.do(alerts.of_store, "acme", NOW + now_plus)


def sell(state: State, count: int, every: timedelta) -> None:
    """Orders at an even pace up to the present."""
    for number in range(count):
        state.accept(version(str(number + 1), placed_at=NOW - number * every))


@pytest.mark.parametrize(("quiet", "alarmed"), [(8 * HOUR, False), (10 * HOUR, True)])
def test_a_shop_that_is_quiet_for_longer_than_usual_is_told(
    database_url: str, quiet: timedelta, alarmed: bool
) -> None:
    with open_state(database_url) as state:
        sell(state, 40, 6 * HOUR)
        found = heard(state, quiet)
        assert [alarm.kind for alarm in found] == (["no-news"] if alarmed else [])


def test_a_few_orders_are_no_habit(database_url: str) -> None:
    with open_state(database_url) as state:
        sell(state, 15, HOUR)
        assert heard(state, timedelta(days=30)) == []


def test_a_busy_shop_may_rest_for_an_hour(database_url: str) -> None:
    with open_state(database_url) as state:
        sell(state, 100, timedelta(minutes=1))
        assert heard(state, HOUR) == []


def test_buyers_data_that_goes_missing_is_told(database_url: str) -> None:
    with open_state(database_url) as state:
        sell(state, 30, HOUR)
        assert heard(state) == []
        for number in range(101, 118):
            hidden = version(
                str(number), placed_at=NOW + timedelta(minutes=number), state="skipped", rule="no-contact"
            )
            state.accept(hidden)
        [alarm] = heard(state)
        assert alarm.kind == "no-contacts"
        assert "17 of the newest 20" in alarm.message


async def test_check_and_status_say_what_the_daemon_found(tmp_path: Path) -> None:
    shop = Shop(secure=True)
    shop.seed(25, until="2026-03-01T00:00:00+00:00", names=["processing_card_paid"])
    with serve(shop) as url:
        async with running_sandbox(per_minute=None, per_day=None, token="privy_test") as sandbox:
            program = Program(tmp_path, shop=url, privy=sandbox.base_url, token="privy_test")
            assert (await program.good("check")).stdout
            await program.good("backfill", "--since", "2000-01-01")
            checked = await program("check", "--json")
            assert checked.code == 1
            assert next(line["message"] for line in checked.json if line["level"] == "error").startswith(
                "no new order since 2026-"
            )
            assert "no new order since 2026-" in (await program.good("status")).stdout
            (store,) = (await program.good("status", "--json")).json["stores"]
            assert (store["name"], store["alarms"][0]["kind"]) == (STORE, "no-news")
            program.variables["PRIVY_TOKEN"] = "revoked"
            shop.add()
            assert (await program("sync")).code == 1
            program.variables["PRIVY_TOKEN"] = "privy_test"
            checked = await program("check", "--json")
            assert [
                line
                for line in checked.json
                if line["subject"] == "account main" and "rests" in line["message"]
            ]


def test_a_lost_packet_is_no_trouble_that_lasts(database_url: str) -> None:
    with open_state(database_url) as state:
        for strike in range(breakers.READING_PATIENCE):
            before = state.do(breakers.get, BreakerScope.SHOP, "acme")
            assert before is None or not before.lasts
            state.do(
                breakers.fail,
                BreakerScope.SHOP,
                "acme",
                BreakerKind.FAULT,
                "reset",
                now=NOW,
                steady=NOW.timestamp() + 1000 * strike,
            )
        after = state.do(breakers.get, BreakerScope.SHOP, "acme")
        assert after is not None
        assert after.lasts
