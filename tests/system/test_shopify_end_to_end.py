"""A Shopify merchant's path by the real command line: from the starter configuration to webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fire.hatchery import Hatchery
from tests.fire.trial import kill
from tests.program import SHOPIFY, STORE, World, a_world, later_than, until
from tests.shops.shopify import Bucket, Shop, serve
from tests.shops.shopify.catalogue import EVERYDAY

LONG_AGO = "2020-01-01"
SECRET = "shpss_test"


@pytest.fixture
def shop() -> Shop:
    """With points enough, reports that are ready at once, and ids beyond what a float can hold."""
    shop = Shop(bucket=Bucket(1_000_000, 100_000), first_id=820_982_911_946_154_509)
    shop.bulk.looks = 0
    return shop


@pytest.fixture
async def world(shop: Shop, tmp_path: Path, nest: Hatchery, free_port: int) -> AsyncIterator[World[Shop]]:
    with serve(shop) as url:
        async with a_world(shop, url, tmp_path, SHOPIFY, nest) as world:
            world.program.configuration |= {
                "listen": f"127.0.0.1:{free_port}",
                "public_url": f"http://127.0.0.1:{free_port}",
            }
            world.program.store["options"] = {"bulk_above": 50}
            world.program.write()
            yield world
        assert not shop.mistakes


def differing(world: World[Shop]) -> list[int]:
    """Orders that Privy does not hold as the shop has them now."""
    return world.truth().differing()


# init, check, preview


async def test_from_a_starter_configuration_to_a_good_check_and_a_preview(world: World[Shop]) -> None:
    program, shop = world.program, world.shop
    url = program.store["url"]
    shop.seed(7, kinds=["card", "included", "code", "guest", "draft"])
    program.path.unlink()
    await program.good("init", "shopify")
    text = program.path.read_text()
    text = text.replace("https://api.privy.com", world.sandbox.base_url)
    text = text.replace("https://my-shop.myshopify.com", url)
    program.path.write_text(text)
    unset = await program("check", "--offline")
    assert unset.code == 2
    assert "MY_SHOP_CLIENT_ID" in unset.stderr
    world.sandbox.business.integrations["pit_1"] = True
    program.variables |= {
        "MY_SHOP_CLIENT_ID": "client_test",
        "MY_SHOP_CLIENT_SECRET": SECRET,
        "MY_SHOP_PRIVY_INTEGRATION": "pit_1",
    }
    checked = await program.good("check", "--json")
    assert {line["level"] for line in checked.json} <= {"ok", "warning"}

    shown = (await program.good("preview", "my-shop", "--last", "5", "--json")).json
    fields = [{name: (value, origin) for name, value, origin in one["fields"]} for one in shown]
    assert [one["order_id"][0] for one in fields] == shop.ids()[::-1][:5]
    assert all("email" in one or "phone" in one for one in fields)
    assert {one["total"][1] for one in fields} == {"totalPriceSet"}
    assert world.stored() == 0
    assert shop.granted >= 2  # each process asks for a token of its own


def _lose(scope: str) -> Callable[[Shop], None]:
    def act(shop: Shop) -> None:
        shop.scopes -= {scope}

    return act


def _mask(shop: Shop) -> None:
    shop.masked = True


def _retire(shop: Shop) -> None:
    shop.versions = ("2027-10", "2028-01")


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (_lose("read_customers"), "read_customers is missing"),
        (_lose("read_fulfillments"), "read_fulfillments is missing"),
        (_lose("read_all_orders"), "60 days"),
        (_mask, "withholds"),
        (_retire, "2027-10 instead of 2026-10"),
    ],
    ids=["customers", "fulfillments", "60-days", "masked", "version"],
)
async def test_check_warns_of_what_the_shop_does_not_mention(
    world: World[Shop], act: Callable[[Shop], None], word: str
) -> None:
    world.shop.add()
    act(world.shop)
    lines = (await world.program.good("check", "--json")).json
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    assert any(word in message for message in warnings), lines


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("shop_not_permitted", "organisation"),
        ("app_not_installed", "not installed"),
        ("", "read_orders"),
    ],
    ids=["other-organisation", "not-installed", "no-orders"],
)
async def test_check_tells_why_an_app_is_not_let_in(world: World[Shop], reason: str, word: str) -> None:
    world.shop.grant_failure = reason
    if not reason:
        world.shop.scopes -= {"read_orders"}
    checked = await world.program("check", "--json")
    assert checked.code == 1
    (error,) = [line for line in checked.json if line["level"] == "error"]
    assert error["subject"] == f"store {STORE}"
    assert word in error["message"]


async def test_check_tells_an_address_that_is_not_shopifys(world: World[Shop]) -> None:
    world.program.store["url"] = "https://www.shop.example"
    world.program.write()
    checked = await world.program("check", "--json")
    assert checked.code == 1
    (error,) = [line for line in checked.json if line["level"] == "error"]
    assert "www.shop.example" in error["message"]
    assert ".myshopify.com" in error["message"]


# History


async def test_a_bulk_backfill_killed_in_the_middle_ends_whole_and_writes_to_nobody(
    world: World[Shop],
) -> None:
    shop, program = world.shop, world.program
    kinds = [*EVERYDAY[:7], "pos", "test", "long"]
    shop.seed(150, until="2026-03-01T00:00:00+00:00", step=3600, kinds=kinds)
    for number in shop.ids()[:40:4]:
        shop.fulfil(number)
        shop.carrier(number)
    shop.refund(shop.ids()[1])
    [plan] = (await program.good("backfill", "--since", LONG_AGO, "--dry-run", "--json")).json
    assert plan["orders"] == 150
    assert plan["skipped"] == {"no-contact": 15, "test-order": 15}
    planned = len(shop.bulk.listed())
    shop.bulk.held = True
    running = await program.start("backfill", "--since", LONG_AGO)
    await until(lambda: len(shop.bulk.listed()) > planned and shop.bulk.listed()[0]["status"] == "RUNNING")
    await kill(running)  # while the shop prepares the report
    assert len(world.sandbox.ledger.orders) <= 11  # those that changed just now, by a poll

    shop.bulk.held = False
    world.sandbox.sandbox.latency = 0.5
    running = await program.start("backfill", "--since", LONG_AGO)
    await until(lambda: len(world.sandbox.ledger.orders) >= 30)
    await kill(running)  # while it is delivered
    assert 30 <= len(world.sandbox.ledger.orders) < 120
    assert len(shop.bulk.listed()) == planned + 1  # it went on with the operation that it had begun

    world.sandbox.sandbox.latency = 0.0
    [done] = (await program.good("backfill", "--since", LONG_AGO, "--json")).json
    assert (done["state"], done["waiting"]) == ("done", 0)
    assert len(world.sandbox.ledger.orders) == 120
    assert all(one.initial_sync for one in world.sandbox.arrivals)
    assert not world.sandbox.ledger.flows
    assert differing(world) == []
    statuses = {
        number: order.fields["fulfillment_status"] for number, order in world.sandbox.ledger.orders.items()
    }
    assert list(statuses.values()).count("delivered") > 2
    [counted] = (await program.good("reconcile", STORE, "--since", LONG_AGO, "--json")).json
    assert counted["adds_up"]
    assert world.stored() <= 120 + 64  # what was in flight when it died went twice, and nothing else


async def test_a_dry_history_of_an_app_without_all_orders_says_so(world: World[Shop]) -> None:
    world.shop.seed(3, until="2026-03-01T00:00:00+00:00")
    world.shop.scopes -= {"read_all_orders"}
    [done] = (await world.program.good("backfill", "--since", LONG_AGO, "--json")).json
    assert done["found"] == 0
    assert world.stored() == 0


async def test_a_report_that_fails_or_is_lost_is_made_good_by_pages_or_another(world: World[Shop]) -> None:
    shop = world.shop
    shop.seed(60, until="2026-03-01T00:00:00+00:00", kinds=["code", "included"])
    shop.bulk.script("FAILED", "INTERNAL_SERVER_ERROR", partial=True)
    await world.program.good("backfill", "--since", LONG_AGO)
    assert len(world.sandbox.ledger.orders) == 60
    shop.bulk.script("EXPIRED")
    for number in shop.ids():
        shop.fulfil(number)
    await world.program.good("backfill", "--since", LONG_AGO)
    assert differing(world) == []
    assert not world.sandbox.ledger.flows


# The daemon


async def test_orders_live_and_old_by_poll_and_a_token_that_dies_meanwhile(world: World[Shop]) -> None:
    shop, program = world.shop, world.program
    old = shop.seed(5, until="2026-11-01T00:00:00+00:00", kinds=["card", "transfer"])
    async with program.daemon():
        await later_than(await program.live_from())
        live = [shop.add(kind) for kind in ("card", "transfer", "included", "draft", "unpaid")]
        shop.add("test")
        shop.add("pos")
        await until(lambda: set(live) <= set(world.sandbox.ledger.orders))
        shop.expire_tokens()
        shop.pay(live[1])
        shop.refund(live[2], "1.00")
        shop.cancel(live[4])
        shop.edit(live[3], remove=1, title="Gift", price="2.00")
        shop.pay(old[1])
        shop.fulfil(old[0])
        await until(lambda: {old[0], old[1]} <= set(world.sandbox.ledger.orders))
        truth = world.truth()
        await until(lambda: set(truth.differing()) <= set(old[2:]))
        status = (await program.good("status", "--json")).json
        assert status["stores"][0]["skipped"] == {"no-contact": 1, "test-order": 1}
    assert shop.granted >= 2
    fields = {number: world.sandbox.ledger.orders[number].fields for number in (*live, *old[:2])}
    assert fields[live[1]]["financial_status"] == "paid"
    assert fields[live[2]]["financial_status"] == "partially_refunded"
    assert fields[live[4]]["financial_status"] == "voided"
    assert truth.placed_flows() == dict.fromkeys(live, 1)
    for one in world.sandbox.arrivals:
        assert one.initial_sync is (one.order_id in old)


async def test_webhooks_bring_what_a_poll_would_find_an_hour_later(
    world: World[Shop], tmp_path: Path
) -> None:
    shop, program = world.shop, world.program
    program.store["poll"] = "1h"
    program.write()
    async with program.daemon() as daemon:
        await later_than(await program.live_from())
        registered = (await program.good("webhooks", "register", STORE, "--json")).json
        topics = {change["topic"] for change in registered["changes"]}
        assert topics >= {"ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_DELETE", "FULFILLMENT_EVENTS_CREATE"}
        listed = (await program.good("webhooks", "list", STORE, "--json")).json
        assert {row["state"] for row in listed} == {"active"}
        assert len(shop.webhooks.subscriptions) == len(topics)

        number, other = shop.add("included"), shop.add("card")
        await until(lambda: {number, other} <= set(world.sandbox.ledger.orders))
        shop.fulfil(number)
        shop.carrier(number)  # which does not move the order's change time
        ledger = world.sandbox.ledger
        await until(lambda: ledger.orders[number].fields["fulfillment_status"] == "delivered")
        shop.delete(other)
        await until(lambda: ledger.orders[other].fields["financial_status"] == "voided")
        assert {201, 200, 202, 204} >= {status for one in shop.webhooks.sent for status in one.answers}

        shop.webhooks.compliance_uri = f"{program.configuration['public_url']}/webhooks/{STORE}"
        email = str(shop.order(number)["email"])
        assert email.encode() in _bytes(tmp_path)
        shop.redact("customers/redact", number)
        await until(lambda: email.encode() not in _bytes(tmp_path))
        assert not daemon.events("webhook.forged")
        removed = (await program.good("webhooks", "remove", STORE, "--json")).json
        assert {change["did"] for change in removed} == {"removed"}
        assert not shop.webhooks.subscriptions
    assert world.truth().placed_flows() == {number: 1, other: 1}
    kinds = [(flow.kind, flow.order_id) for flow in ledger.flows]
    assert kinds.count(("Order Received", number)) == 1
    assert email not in program.printed()


def _bytes(folder: Path) -> bytes:
    """The database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("connector.db*"))


async def test_orders_that_grow_too_old_to_be_shown_are_not_taken_for_deleted(world: World[Shop]) -> None:
    shop, program = world.shop, world.program
    shop.scopes.discard("read_all_orders")
    now = datetime.now(UTC)
    old = shop.seed(3, until=(now - timedelta(days=59)).isoformat())
    deleted, kept = shop.seed(2, until=(now - timedelta(days=2)).isoformat())
    await program.good("backfill", "--since", LONG_AGO)
    assert set(world.sandbox.ledger.orders) == {*old, deleted, kept}

    shop.clock.set(now + timedelta(days=2))
    shop.delete(deleted)
    answer = (await program.good("reconcile", "--since", LONG_AGO, "--json")).json[0]
    assert answer["adds_up"] is True
    assert answer["listed"] == 1
    await program.good("sync")
    states = {
        number: order.fields["financial_status"] for number, order in world.sandbox.ledger.orders.items()
    }
    assert states.pop(deleted) == "voided"
    assert "voided" not in states.values()
    shown = await program.good("preview", STORE, str(old[0]))  # as it was last seen
    assert str(old[0]) in shown.stdout
