"""The real command line against a stand-in of the shop and the sandbox, as an operator uses it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from connector.runtime import exact_json
from connector.sandbox.faults import Fault
from tests.privy import running_sandbox
from tests.program import STORE, TOKEN, Program, a_world, later_than, until
from tests.program import World as AnyWorld
from tests.shops.woocommerce import Key, Shop, serve

LONG_AGO = "2020-01-01"
UNIT = Path(__file__).parents[2] / "config/deploy/connector.service"

World = AnyWorld[Shop]


@pytest.fixture
def shop() -> Shop:
    return Shop(secure=True)


@pytest.fixture
def shop_url(shop: Shop) -> Iterator[str]:
    with serve(shop) as url:
        yield url


@pytest.fixture
async def world(shop: Shop, shop_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(shop, shop_url, tmp_path) as world:
        yield world


# init and check


async def test_from_a_starter_configuration_to_a_good_check(world: World) -> None:
    program = world.program
    program.hatchery = None  # each command as a Python of its own, as an operator's shell starts it
    program.path.unlink()
    wrote = await program.good("init", "woocommerce")
    assert wrote.stdout.startswith("Wrote connector.yaml")
    again = await program("init", "woocommerce")
    assert (again.code, again.stdout) == (2, "")
    assert "exists already" in again.stderr

    text = program.path.read_text()
    text = text.replace("https://api.privy.com", world.sandbox.base_url)
    text = text.replace("https://shop.example.com", program.store["url"])
    text = text.replace("authentication: auto", "authentication: basic")
    program.path.write_text(text)
    unset = await program("check", "--offline")
    assert (unset.code, unset.stdout) == (2, "")
    assert "MY_SHOP_KEY" in unset.stderr  # every missing variable by its name
    assert "MY_SHOP_SECRET" in unset.stderr

    world.sandbox.business.integrations["pit_1"] = True
    program.variables |= {
        "MY_SHOP_KEY": "ck_test",
        "MY_SHOP_SECRET": "cs_test",
        "MY_SHOP_PRIVY_INTEGRATION": "pit_1",
        "MY_SHOP_WEBHOOK_SECRET": "planted_webhook_secret",
    }
    assert "is good" in (await program.good("check", "--offline")).stdout
    assert not world.sandbox.arrivals
    checked = await program.good("check", "--json")
    assert {line["level"] for line in checked.json} <= {"ok", "warning"}
    assert world.stored() == 0
    assert not world.sandbox.ledger.orders
    assert "planted_webhook_secret" not in program.printed()


async def test_what_goes_into_the_shop_itself_is_written_beside_the_configuration(world: World) -> None:
    world.program.path.unlink()
    wrote = await world.program.good("init", "medusa")
    assert "medusa.subscriber.js" in wrote.stdout
    assert "x-connector-signature" in world.program.path.with_name("medusa.subscriber.js").read_text()


async def test_check_tells_refused_keys_of_the_shop(world: World) -> None:
    world.shop.keys = {"ck_other": Key("cs_other")}
    await _check_says(world, f"store {STORE}", "consumer_key")


async def test_check_tells_a_refused_token(world: World) -> None:
    world.program.variables["PRIVY_TOKEN"] = "privy_planted_wrong"
    await _check_says(world, "account main", "token")
    assert "privy_planted_wrong" not in world.program.printed()


async def test_check_keeps_to_the_budget_too(shop: Shop, shop_url: str, tmp_path: Path) -> None:
    async with running_sandbox(per_minute=3, per_day=None, token=TOKEN) as sandbox:
        program = Program(tmp_path, shop=shop_url, privy=sandbox.base_url, token=TOKEN)
        program.configuration["accounts"]["main"]["quota"]["per_minute"] = 3
        program.write()
        checks = [await program("check", "--json") for _ in range(4)]
        said = [[one for one in check.json if one["subject"] == "account main"] for check in checks]
        assert [one[0]["level"] for one in said] == ["ok", "ok", "warning", "warning"]
        assert "was not asked" in said[2][0]["message"]
        assert [arrival.status for arrival in sandbox.arrivals] == [422, 422]


async def test_check_tells_an_unreachable_shop(world: World, free_port: int) -> None:
    world.program.store["url"] = f"http://127.0.0.1:{free_port}"
    world.program.write()
    await _check_says(
        world,
        f"store {STORE}",
        f"http://127.0.0.1:{free_port}/wp-json/ cannot be reached (Connection refused)",
    )


async def test_check_tells_a_page_where_json_should_be(world: World) -> None:
    world.shop.fail("html", times=None)
    await _check_says(world, f"store {STORE}", "JSON")


async def _check_says(world: World, subject: str, word: str) -> None:
    for arguments in (["check"], ["check", "--json"]):
        checked = await world.program(*arguments)
        assert checked.code == 1
        assert word in checked.stdout
    errors = [line for line in checked.json if line["level"] == "error"]
    assert [line["subject"] for line in errors] == [subject]
    assert world.stored() == 0


# Wrong usage and wrong configuration


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "frobnicate"),
        (["statsu"], 'did you mean "status"?'),
        (["backfill"], "--since"),
        (["backfill", "--since", "yesterday"], "'yesterday' is no date"),
        (["backfill", "--since", "2026-02-30", "--dry-run"], "'2026-02-30' is no date"),
        (["backfill", "--since", "2026-02-01", "--until", "2026-01-01"], "does not lie after"),
        (["backfill", "--since", "2026-02-01", "--store", "nowhere"], "no store 'nowhere'"),
        (["backfill", "--since", "2999-01-01", "--dry-run"], "'2999-01-01' lies in the future"),
        (["reconcile", "--since", "2999-01-01"], "lies in the future"),
        (["replay", STORE, "--since", "2999-01-01"], "lies in the future"),
        (["failed", "list", "--store", "nowhere"], "no store 'nowhere'"),
        (["sync", "--store", "nowhere"], "no store 'nowhere'"),
        (["preview", "nowhere", "--last", "1"], "no store 'nowhere'"),
        (["preview", STORE], "name orders"),
        (["preview", STORE, "--file", "no.json"], "no.json"),
        (["preview", STORE, "--file", "connector.yaml"], "not JSON"),
        (["preview", STORE, "77"], "'77'"),
        (["explain", STORE, "77"], "never seen"),
        (["failed", "retry", STORE], "name orders"),
        (["failed", "retry", "nowhere", "--all"], "no store 'nowhere'"),
        (["failed", "discard", STORE, "77"], "no failed order '77'"),
        (["replay", STORE], "name orders"),
        (["adopt", "nowhere"], "no store 'nowhere'"),
        (["init", "nothing", "--output", "-"], "nothing"),
        (["-c", "missing.yaml", "status"], "missing.yaml"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
async def test_wrong_usage_is_one_sentence_and_exit_code_two(
    world: World, arguments: list[str], says: str
) -> None:
    finished = await world.program(*arguments)
    assert (finished.code, finished.stdout) == (2, "")
    *_, sentence = finished.stderr.splitlines()
    assert sentence.startswith("Error: ")
    assert says in sentence


async def test_what_a_shop_answers_to_a_command_names_the_store(world: World) -> None:
    order = str(world.shop.add())
    world.shop.fail("html", times=None)
    for command in (
        ["preview", STORE, "--last", "1"],
        ["preview", STORE, order],
        ["backfill", "--since", LONG_AGO, "--dry-run"],
        ["replay", STORE, order],
        ["reconcile"],
        ["adopt", STORE],
        ["webhooks", "list", STORE],
    ):
        finished = await world.program(*command)
        assert (finished.code, finished.stdout) == (1, "")
        *_, sentence = finished.stderr.splitlines()
        assert sentence.startswith(f"Error: store {STORE}: http://127.0.0.1:"), command
        assert sentence.endswith("an HTML page instead of JSON")


@pytest.mark.parametrize("command", [("backfill", "--since", LONG_AGO), ("reconcile",)])
async def test_where_no_shop_can_be_read_it_is_said_what_to_do_instead(
    world: World, command: tuple[str, ...]
) -> None:
    pushed = {"platform": "push", "credentials": {"token": "planted_push_token"}, "options": {}}
    world.program.store.update(pushed)
    world.program.write()
    finished = await world.program(*command)
    assert (finished.code, finished.stdout) == (2, "")
    assert "connector import STORE FILE" in finished.stderr


async def test_an_empty_configuration_is_good_for_nothing_and_check_says_so(world: World) -> None:
    world.program.path.write_text("")
    checked = await world.program.good("check", "--json")
    assert [line["level"] for line in checked.json] == ["ok", "warning"]
    assert "there are no stores yet" in checked.json[1]["message"]


async def test_there_may_be_no_backfill_to_stop(world: World) -> None:
    assert (await world.program.good("backfill", "--cancel", "--json")).json == {"stopped": 0}
    assert "stopped: 0" in (await world.program.good("backfill", "--cancel")).stdout


async def test_every_mistake_of_a_configuration_is_told_at_once(world: World) -> None:
    world.program.store["pol"] = world.program.store.pop("poll")
    world.program.store["account"] = "mian"
    world.program.write()
    finished = await world.program("run")
    assert (finished.code, finished.stdout) == (2, "")
    assert "poll" in finished.stderr
    assert "main" in finished.stderr
    assert finished.stderr.count("connector.yaml:") == 2


async def test_no_daemon_to_reload_is_told(world: World) -> None:
    finished = await world.program("reload")
    assert (finished.code, finished.stdout) == (1, "")
    assert "no daemon" in finished.stderr


async def test_a_new_token_needs_no_restart(world: World) -> None:
    program = world.program
    token = program.folder / "token"
    token.write_text("privy_wrong")
    program.configuration["accounts"]["main"]["token"] = f"${{file:{token}}}"
    program.write()
    async with program.daemon() as daemon:
        await later_than(await program.live_from())
        number = world.shop.add()
        await daemon.until_event("account.lost")
        assert number not in world.sandbox.ledger.orders
        token.write_text(world.sandbox.token)
        await program.good("reload")
        await until(lambda: number in world.sandbox.ledger.orders)
    assert world.truth().placed_flows() == {number: 1}


# History


async def test_a_backfill_keeps_to_its_plan_and_writes_to_nobody(world: World) -> None:
    world.shop.seed(60, until="2026-03-01T00:00:00+00:00", step=3600)
    early = world.shop.ids()[:10]
    since = world.shop.order(early[-1] + 1)["date_created_gmt"] + "Z"

    planned = await world.program.good("backfill", "--since", since, "--dry-run", "--json")
    [plan] = planned.json
    assert plan["orders"] == 50
    assert plan["live"] == 0
    assert not world.sandbox.arrivals
    told = await world.program.good("backfill", "--since", since, "--dry-run")
    assert f"{STORE}: 50 orders" in told.stdout
    assert f"{plan['calls']} calls to Privy" in told.stdout

    done = await world.program.good("backfill", "--since", since, "--json")
    [result] = done.json
    assert (result["state"], result["found"], result["waiting"]) == ("done", 50, 0)
    assert result["delivered"] == plan["calls"] == world.stored()
    assert result["skipped"] == sum(plan["skipped"].values())
    assert all(one.initial_sync for one in world.sandbox.arrivals)
    assert not world.sandbox.ledger.flows
    assert set(world.truth().differing()) <= set(early)
    assert not set(early) & set(world.sandbox.ledger.orders)

    await world.program.good("backfill", "--since", LONG_AGO)  # finds the early ones; the others cost no call
    assert world.truth().differing() == []
    assert world.stored() == len(world.sandbox.ledger.orders)
    status = (await world.program.good("status", "--json")).json
    [store] = status["stores"]
    assert store["delivered"] == world.stored()
    assert store["delivered"] + sum(store["skipped"].values()) == 60


async def test_orders_since_a_live_from_in_the_past_go_as_live_and_the_operator_is_told_before(
    world: World,
) -> None:
    numbers = world.shop.seed(6, until="2026-03-06T00:00:00+00:00", step=86_400, names=["completed_card"])
    world.program.store["live_from"] = "2026-03-04T12:00:00Z"
    world.program.write()
    checked = await world.program.good("check", "--json")
    warnings = [line["message"] for line in checked.json if line["level"] == "warning"]
    assert any("can write to their buyers" in message for message in warnings)
    [plan] = (await world.program.good("backfill", "--since", LONG_AGO, "--dry-run", "--json")).json
    assert (plan["history"], plan["live"]) == (4, 2)
    await world.program.good("backfill", "--since", LONG_AGO)
    assert world.truth().placed_flows() == dict.fromkeys(numbers[-2:], 1)


async def test_ctrl_c_leaves_a_backfill_that_goes_on(world: World) -> None:
    world.shop.seed(120, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    world.sandbox.sandbox.latency = 0.3
    backfill = await world.program.start("backfill", "--since", LONG_AGO)
    await until(lambda: world.stored() >= 10)
    backfill.signal(signal.SIGINT)
    stopped = await backfill.end()
    assert stopped.code == 130
    assert "Interrupted; nothing is lost" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert 10 <= len(world.sandbox.ledger.orders) < 120
    world.sandbox.sandbox.latency = 0.0
    await world.program.good("backfill", "--since", LONG_AGO)
    assert world.truth().differing() == []
    assert world.stored() == 120  # what was in flight was finished and recorded, so nothing went twice
    assert not world.sandbox.ledger.flows


async def test_ctrl_c_again_and_again_until_the_end_shows_no_traceback(world: World) -> None:
    world.shop.seed(60, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    world.sandbox.sandbox.latency = 0.3
    backfill = await world.program.start("backfill", "--since", LONG_AGO)
    await until(lambda: world.stored() >= 1)
    while backfill.process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(backfill.process.pid, signal.SIGINT)
        await asyncio.sleep(0.002)
    stopped = await backfill.end()
    assert stopped.code == 130
    assert "Traceback" not in stopped.stderr


async def test_a_backfill_that_follows_a_daemon_says_when_that_is_gone(world: World) -> None:
    world.shop.seed(60, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    quota = world.program.configuration["accounts"]["main"]["quota"]
    ample, quota["per_minute"] = quota["per_minute"], 60  # history takes a minute, the daemon is gone before
    world.program.write()
    async with world.program.daemon():
        backfill = await world.program.start("backfill", "--since", LONG_AGO)
        await until(lambda: world.stored() >= 1)
    followed = await backfill.end()
    assert followed.code == 1
    assert "The daemon has stopped. Nothing is lost" in followed.stderr
    quota["per_minute"] = ample
    world.program.write()
    await world.program.good("backfill", "--since", LONG_AGO)
    assert world.truth().differing() == []


async def test_a_daemon_that_starts_takes_the_work_over_and_the_backfill_follows_it(world: World) -> None:
    world.shop.seed(120, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    world.sandbox.sandbox.latency = 0.3
    backfill = await world.program.start("backfill", "--since", LONG_AGO)
    await until(lambda: world.stored() >= 10)
    async with world.program.daemon():  # it serves webhooks and the page from here on
        assert world.stored() < 120
        followed = await backfill.end()
    assert followed.code == 0, followed.stderr
    assert "The daemon (process" in followed.stderr
    assert "Traceback" not in followed.stderr
    assert world.truth().differing() == []
    assert world.stored() == 120  # none was sent by both


async def test_a_backfill_whose_key_is_refused_says_so_once_and_goes_on_with_a_good_one(world: World) -> None:
    world.shop.seed(30, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    good = world.program.store["credentials"]
    world.program.store["credentials"] = good | {"consumer_secret": "cs_old"}
    world.program.write()
    backfill = await world.program.start("backfill", "--since", LONG_AGO)
    await until(lambda: "goes on by itself" in backfill.err.read_text())
    await asyncio.sleep(5)  # several tries
    world.program.store["credentials"] = good
    world.program.write()
    finished = await backfill.end()
    assert finished.code == 0, finished.stderr
    assert world.stored() == 30
    assert finished.stderr.count("goes on by itself") == 1
    assert finished.stderr.count("backfill.lost") + finished.stderr.count('"shop.lost"') == 1
    assert str(world.program.path.name) in finished.stderr


async def test_a_backfill_whose_terminal_goes_away_ends_as_by_ctrl_c(world: World) -> None:
    world.shop.seed(120, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    world.sandbox.sandbox.latency = 0.3
    master, terminal = os.openpty()
    backfill = await asyncio.create_subprocess_exec(
        "setsid", "--ctty", sys.executable, "-m", "connector", "backfill", "--since", LONG_AGO,
        stdin=terminal, stdout=terminal, stderr=terminal, cwd=world.program.folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", **world.program.variables},
    )  # fmt: skip
    os.close(terminal)
    os.set_blocking(master, False)
    shown = b""
    while world.stored() < 10:
        with suppress(BlockingIOError):
            shown += os.read(master, 65536)
        await asyncio.sleep(0.05)
    os.close(master)
    assert await asyncio.wait_for(backfill.wait(), 30) == 130
    assert b"Traceback" not in shown
    sent = world.stored()
    assert 10 <= sent < 120
    world.sandbox.sandbox.latency = 0.0
    await world.program.good("backfill", "--since", LONG_AGO)
    assert world.stored() == 120  # what was in flight was finished and recorded


# The daemon


async def test_live_orders_arrive_while_history_is_delivered_and_only_they_write_to_buyers(
    world: World,
) -> None:
    shop, program = world.shop, world.program
    shop.seed(150, until="2026-03-01T00:00:00+00:00")
    old = set(shop.ids())
    world.sandbox.sandbox.latency = 0.2
    async with program.daemon():
        await later_than(await program.live_from())
        backfill = await program.start("backfill", "--since", LONG_AGO, "--json")
        await until(lambda: world.stored() >= 5)

        live = [shop.add(name=name) for name in ("processing_card_paid", "onhold_bacs", "coupon_percent")]
        cart = shop.add(name="processing_card_paid", status="pending", date_paid_gmt=None, date_paid=None)
        await until(lambda: set(live) <= set(world.sandbox.ledger.orders))
        shop.edit(live[0], status="completed")
        shop.edit(live[1], status="processing")
        shop.refund(live[2], "1.00")
        gone = shop.add()
        old_edited, old_refunded, old_trashed = [
            number for number in sorted(old) if shop.order(number)["status"] == "processing"
        ][:3]
        shop.edit(old_edited, status="completed")
        shop.refund(old_refunded)
        shop.trash(old_trashed)
        await until(lambda: gone in world.sandbox.ledger.orders)
        shop.trash(gone)
        shop.edit(cart, status="processing")

        followed = await backfill.end()
        assert followed.code == 0
        assert "The daemon (process" in followed.stderr
        assert followed.json[0]["state"] == "done"
        truth = world.truth()
        await until(lambda: not truth.differing())

        status = (await program.good("status", "--json")).json
        assert status["stores"][0]["waiting_live"] == status["stores"][0]["waiting_history"] == 0
        assert status["stores"][0]["light"] == "green"
        assert STORE in (await program.good("status")).stdout
    assert truth.placed_flows() == dict.fromkeys([*live, cart, gone], 1)
    assert not {flow.order_id for flow in world.sandbox.ledger.flows} & old
    statuses = {number: world.sandbox.ledger.orders[number].fields for number in (*live, gone)}
    assert statuses[live[0]]["fulfillment_status"] == "fulfilled"
    assert statuses[live[1]]["financial_status"] == "paid"
    assert statuses[live[2]]["financial_status"] == "partially_refunded"
    assert statuses[gone]["fulfillment_status"] == "restocked"


async def test_the_daemon_works_without_docstrings_and_assertions_as_its_unit_starts_it(world: World) -> None:
    [flags] = re.findall(
        r"^ExecStart=\S+/python (\S+) -m connector -c \S+ run$", UNIT.read_text(), re.MULTILINE
    )
    assert flags == "-OO"
    shop, program = world.shop, world.program
    program.variables["PYTHONOPTIMIZE"] = "2"
    shop.seed(20, until="2026-03-01T00:00:00+00:00")
    async with program.daemon() as daemon:
        await later_than(await program.live_from())
        live = shop.add(name="coupon_percent")
        await program.good("backfill", "--since", LONG_AGO)
        await until(lambda: live in world.sandbox.ledger.orders)
        shop.edit(live, status="completed")
        truth = world.truth()
        await until(lambda: not truth.differing())
        listen = (await daemon.until_event("daemon.started"))["listen"]
        async with httpx.AsyncClient(base_url=listen) as http:
            await http.get(await daemon.link())
            for path in ("/", "/browse", f"/browse/{STORE}/{live}", "/failed", "/metrics", "/readyz"):
                assert (await http.get(path)).status_code == 200, path
        # Every adapter loads; a command's help has its options, not its text.
        assert "shopify" in (await program.good("platforms")).stdout
        assert "--since" in (await program.good("backfill", "--help")).stdout
    assert truth.placed_flows() == {live: 1}


async def test_a_second_daemon_is_refused_and_cron_leaves_the_work_to_the_first(world: World) -> None:
    async with world.program.daemon() as daemon:
        for command in ("run", "sync"):
            second = await world.program(command)
            assert (second.code, second.stdout) == (1, "")
            assert f"another daemon (process {daemon.process.pid})" in second.stderr
        assert daemon.process.returncode is None


async def test_sigterm_stops_within_ten_seconds_while_a_request_hangs_and_its_order_arrives_later(
    world: World,
) -> None:
    async with world.program.daemon() as daemon:
        await later_than(await world.program.live_from())
        world.sandbox.script(Fault(kind="hang", stored=True))
        number = world.shop.add()
        await until(lambda: world.sandbox.arrivals)
        asked = time.monotonic()
        daemon.signal(signal.SIGTERM)
        stopped = await daemon.end()
        assert time.monotonic() - asked < 10
        assert stopped.code == 0
        assert daemon.events("daemon.stopped")
    async with world.program.daemon():
        await until(lambda: world.stored() == 2)  # an answer that never came: told once more
    assert world.truth().placed_flows() == {number: 1}


async def test_a_good_configuration_is_taken_up_and_a_faulty_one_is_refused(world: World) -> None:
    program = world.program
    async with program.daemon() as daemon:
        await later_than(await program.live_from())
        program.store["mapping"]["skip"] = {"too-dear": "number(total) > `5000`"}
        program.path.write_text(program.path.read_text().replace("poll:", "pol:"))
        refused = await program("reload")
        assert refused.code == 2
        assert "pol" in refused.stderr
        assert not daemon.events("daemon.reload_refused")  # it was not even asked
        daemon.signal(signal.SIGHUP)
        event = await daemon.until_event("daemon.reload_refused")
        assert "connector.yaml:" in event["error"]
        plain = world.shop.add()
        await until(lambda: plain in world.sandbox.ledger.orders)  # works on with what it had

        del program.store["mapping"]["skip"]
        program.store["mapping"]["skip"] = {"too-dear": "to_number(total) > `5000`"}
        program.write()
        assert f"process {daemon.process.pid}" in (await program.good("reload")).stdout
        await daemon.until_event("daemon.reloaded")
        dear, cheap = world.shop.add(total="9000.00"), world.shop.add()
        await until(lambda: cheap in world.sandbox.ledger.orders)
        status = (await program.good("status", "--json")).json
        assert status["stores"][0]["skipped"] == {"too-dear": 1}
        assert dear not in world.sandbox.ledger.orders

        program.configuration["database"] = "sqlite:///other.db"
        program.write()
        daemon.signal(signal.SIGHUP)
        event = await daemon.until_event("daemon.reload_refused", 2)
        assert "database" in event["error"]


# Cron


async def test_sync_does_one_round_and_says_when_a_side_is_down(world: World) -> None:
    program, shop = world.program, world.shop
    first = await program.good("sync", "--json")
    assert first.json["stores"][0]["delivered"] == 0
    await later_than(await program.live_from())
    number = shop.add()
    await program.good("sync", "--store", STORE)
    assert world.truth().placed_flows() == {number: 1}

    shop.fail("401", times=None)
    down = await program("sync", "--json")
    assert down.code == 1
    [trouble] = down.json["stores"][0]["troubles"]
    assert trouble["kind"] == "auth"
    shop.calm()

    other = shop.add()
    world.sandbox.script(Fault(kind="status", status=401, count=None))
    down = await program("sync", "--json", "--seconds", "1")
    assert down.code == 1
    assert [one["kind"] for one in down.json["accounts"][0]["troubles"]] == ["auth"]
    world.sandbox.sandbox.faults.clear()
    back = await program.good("sync", "--json")  # a start tries again at once
    assert back.json["stores"][0]["troubles"] == back.json["accounts"][0]["troubles"] == []
    assert world.truth().placed_flows() == {number: 1, other: 1}


# What was sent, would be sent, could not be sent


async def test_preview_shows_fields_and_origins_and_sends_nothing(world: World) -> None:
    program, shop = world.program, world.shop
    numbers = shop.seed(3, names=["completed_card"])
    document = program.folder / "orders.json"
    document.write_bytes(exact_json.encode([shop.order(numbers[0])]))
    truth = world.truth()
    for arguments in (["--last", "1"], [str(numbers[2])], ["--file", "orders.json"]):
        shown = (await program.good("preview", STORE, *arguments, "--json")).json
        assert len(shown) == 1
        assert shown[0]["body"] == truth.expected(int(shown[0]["ref"]), told=False)
        assert {name for name, _, _ in shown[0]["fields"]} == set(shown[0]["body"])
        assert all(origin for _, _, origin in shown[0]["fields"])
    assert not world.sandbox.arrivals

    await program.good("backfill", "--since", LONG_AGO)
    assert "unchanged" in (await program.good("preview", STORE, str(numbers[0]))).stdout
    program.store["mapping"]["fields"] = {"customer_id": "'c-17'"}
    program.write()
    shown = (await program.good("preview", STORE, str(numbers[0]), "--json")).json
    assert shown[0]["differs"] == ["customer_id"]
    assert world.stored() == 3


async def test_explain_tells_what_came_in_what_went_out_and_why(world: World) -> None:
    program, shop = world.program, world.shop
    [old] = shop.seed(1, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    await program.good("backfill", "--since", LONG_AGO)
    await later_than(await program.live_from())
    live = shop.add()
    world.sandbox.script(Fault(kind="status", status=503))
    await program("sync")
    await program("sync", "--seconds", "10")
    explained = (await program.good("explain", STORE, str(old), "--json")).json
    assert explained["state"] == "delivered"
    assert [event["kind"] for event in explained["events"]] == ["seen", "sent"]
    assert "initial_sync" in explained["events"][1]["detail"]
    told = (await program.good("explain", STORE, str(live))).stdout
    assert "503" in told
    assert "delivered" in told.splitlines()[0]


async def test_failed_orders_are_listed_shown_retried_and_discarded(world: World) -> None:
    program, shop = world.program, world.shop
    bad, refused, good = shop.add(currency="QQQ"), shop.add(), shop.add()
    unreadable = shop.add(total="a lot")
    other = shop.add(currency="QQQ")
    world.sandbox.script(Fault(kind="status", status=422, order_ids=frozenset({refused})))
    backfill = await program("backfill", "--since", LONG_AGO, "--json")
    assert backfill.code == 1  # asked for, and not all of it came about
    assert (backfill.json[0]["failed"], backfill.json[0]["delivered"]) == (4, 1)
    assert set(world.sandbox.ledger.orders) == {good}

    listed = (await program.good("failed", "list", "--json")).json
    reasons = {row["ref"]: row["reason"] for row in listed}
    assert set(reasons) == {str(bad), str(other), str(refused), str(unreadable)}
    assert "currency" in reasons[str(bad)]
    assert "total" in reasons[str(unreadable)]
    assert str(bad) in (await program.good("failed", "list", "--store", STORE)).stdout
    assert "currency" in (await program.good("failed", "show", STORE, str(bad))).stdout
    vain = await program("failed", "retry", STORE, str(bad), "--json")
    assert (vain.code, vain.json["asked"], vain.json["waiting"]) == (1, 1, 0)  # nothing has changed yet
    assert vain.json["still"][0][0] == str(bad)

    program.store["mapping"]["fields"] = {"currency": "'USD'"}
    program.write()
    assert (await program.good("failed", "discard", STORE, str(other), "--json")).json == {"discarded": 1}
    retried = await program("failed", "retry", STORE, "--all")
    assert retried.code == 1
    assert retried.stdout.startswith("2 of 3")
    assert f"order {unreadable} still fails" in retried.stderr
    shop.edit(unreadable, total="10.00")
    await program.good("sync")
    assert set(world.sandbox.ledger.orders) == {good, bad, refused, unreadable}
    status = (await program.good("status", "--json")).json
    assert status["stores"][0]["skipped"] == {"discarded": 1}
    assert status["stores"][0]["failed"] == 0
    assert (await program.good("failed", "list", "--json")).json == []
    assert (await program.good("reconcile", STORE, "--since", LONG_AGO)).stdout


async def test_replay_sends_again_and_history_stays_history(world: World) -> None:
    program, shop = world.program, world.shop
    first, second = shop.seed(2, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    await program.good("backfill", "--since", LONG_AGO)
    assert "Orders taken again: 1." in (await program.good("replay", STORE, str(first))).stdout
    await program.good("sync")
    assert [one.order_id for one in world.sandbox.arrivals].count(first) == 2
    await program.good("replay", STORE, "--since", LONG_AGO)
    await program.good("sync")
    assert [one.order_id for one in world.sandbox.arrivals].count(second) == 2
    assert all(one.initial_sync for one in world.sandbox.arrivals)
    assert not world.sandbox.ledger.flows
    unknown = await program("replay", STORE, "4711", "--json")
    assert unknown.json == {"taken": 0, "unknown": ["4711"]}
    unknown = await program("replay", STORE, "4711")
    assert unknown.code == 1
    assert "4711" in unknown.stderr


# No mix-ups


async def test_a_shop_that_says_another_address_sends_nothing_until_it_is_adopted(world: World) -> None:
    program, shop = world.program, world.shop
    shop.home = "https://shop.acme.example"
    await program.good("sync")
    await later_than(await program.live_from())
    shop.home = "https://staging.acme.example"
    number = shop.add()
    copy = await program("sync", "--json")
    assert copy.code == 1
    assert any("adopt" in one["message"] for one in copy.json["stores"][0]["troubles"])
    for command in (["reconcile"], ["replay", STORE, str(number)]):
        refused = await program(*command)
        assert (refused.code, "adopt" in refused.stderr) == (1, True)
    assert (await program.good("status", "--json")).json["stores"][0]["waiting_live"] == 0
    checked = await program("check")
    assert checked.code == 1
    assert f"connector adopt {STORE}" in checked.stdout
    assert world.stored() == 0
    adopted = (await program.good("adopt", STORE, "--json")).json
    assert adopted == {"store": STORE, "shop": "staging.acme.example"}
    await program.good("sync")
    assert set(world.sandbox.ledger.orders) == {number}


async def test_another_numbering_is_refused_once_orders_went_out(world: World) -> None:
    program = world.program
    program.store["mapping"]["order_id"] = {"strategy": "offset", "offset": 5000}
    program.write()
    await program.good("status")
    del program.store["mapping"]["order_id"]
    program.write()
    [number] = world.shop.seed(1)
    await program.good("backfill", "--since", LONG_AGO)  # nothing had gone out: it could still be changed
    assert set(world.sandbox.ledger.orders) == {number}
    for strategy, command in (
        ({"strategy": "offset", "offset": 5000}, "run"),
        ({"strategy": "hash"}, "sync"),
    ):
        program.store["mapping"]["order_id"] = strategy
        program.write()
        refused = await program(command)
        assert (refused.code, refused.stdout) == (2, "")
        assert f"stores.{STORE}.mapping.order_id" in refused.stderr
    assert set(world.sandbox.ledger.orders) == {number}


async def test_another_privy_is_refused_once_orders_went_out(world: World) -> None:
    """Who tried the sandbox and goes on with the same database: the real Privy knows none of its orders."""
    program, account = world.program, world.program.configuration["accounts"]["main"]
    sandbox, account["base_url"] = account["base_url"], "http://127.0.0.1:9"
    program.write()
    await program.good("status")
    account["base_url"] = sandbox  # nothing had gone out: it could still be changed
    program.write()
    world.shop.seed(1)
    await program.good("backfill", "--since", LONG_AGO)
    account["base_url"] = "http://127.0.0.1:9"
    program.write()
    for command in ("run", "sync"):
        refused = await program(command)
        assert (refused.code, refused.stdout) == (2, "")
        assert (
            f"accounts.main.base_url: the orders of store {STORE} went out to Privy at {sandbox}"
            in refused.stderr
        )


async def test_orders_that_wait_are_numbered_anew_as_long_as_none_went_out(world: World) -> None:
    program, right = world.program, TOKEN
    program.variables["PRIVY_TOKEN"] = "privy_of_yesterday"
    [number] = world.shop.seed(1, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    await program("sync")
    await program.good("reconcile", "--since", LONG_AGO)
    program.store["mapping"]["order_id"] = {"strategy": "offset", "offset": 5000}
    program.write()
    program.variables["PRIVY_TOKEN"] = right
    await program.good("sync")
    assert set(world.sandbox.ledger.orders) == {5000 + number}
    world.shop.edit(number, status="refunded")
    await program.good("sync")
    assert world.sandbox.ledger.orders[5000 + number].fields["financial_status"] == "refunded"
    assert not world.sandbox.ledger.flows


async def test_stores_change_places_as_long_as_none_of_their_orders_went_out(world: World) -> None:
    """Both number their orders natively, so the numbers of the two meet while they change."""
    program, accounts = world.program, world.program.configuration["accounts"]
    accounts["second"] = {**accounts["main"], "token": "${SECOND}"}
    program.variables["SECOND"] = program.variables["PRIVY_TOKEN"] = "privy_of_yesterday"
    program.variables["SECOND"] += "_2"
    program.configuration["stores"]["zeta"] = {**program.store, "account": "second"}
    program.write()
    [number] = world.shop.seed(1, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    await program("sync")
    await program.good("reconcile", "--since", LONG_AGO)
    program.store["account"] = "second"
    program.configuration["stores"]["zeta"]["account"] = "main"
    program.write()
    program.variables["PRIVY_TOKEN"] = TOKEN
    await program("sync")
    assert set(world.sandbox.ledger.orders) == {number}
    stores = {one["name"]: one for one in (await program("status", "--json")).json["stores"]}
    assert (stores["zeta"]["delivered"], stores["acme"]["waiting_history"]) == (1, 1)
    assert stores["acme"]["failed"] == 0


async def test_a_store_that_was_renamed_sends_nothing_until_that_is_meant(world: World) -> None:
    """Hashed numbers are made of the store's name: each order would be a new one, and write to its buyer."""
    program, shop = world.program, world.shop
    shop.home = "https://shop.acme.example"
    program.store["mapping"]["order_id"] = {"strategy": "hash"}
    program.store["live_from"] = "2026-01-01T00:00:00Z"
    program.write()
    shop.seed(2, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    await program.good("sync")
    told = len(world.sandbox.ledger.flows)
    assert told
    stores = program.configuration["stores"]
    stores["renamed"] = stores.pop(STORE)
    program.write()
    refused = await program("sync", "--json")
    assert refused.code == 1
    said = refused.json["stores"][0]["troubles"][0]["message"]
    assert f"is known as store {STORE} already" in said
    assert "connector adopt renamed" in said
    assert len(world.sandbox.ledger.flows) == told
    stores[STORE] = stores.pop("renamed")
    program.write()
    await program.good("sync")
    assert len(world.sandbox.ledger.flows) == told


# Nothing leaks


def held(folder: Path) -> bytes:
    """All that the files of the database hold, its write-ahead log included."""
    return b"".join(path.read_bytes() for path in folder.glob("connector.db*"))


async def test_forget_beside_a_running_daemon_leaves_no_bytes_of_the_buyer_either(world: World) -> None:
    program = world.program
    numbers = world.shop.seed(3, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    world.shop.edit(numbers[1], billing={"email": "planted.buyer@example.com", "last_name": "Plantedname"})
    async with program.daemon():
        await program.good("backfill", "--since", LONG_AGO)
        assert b"planted.buyer@example.com" in held(program.folder)
        await program.good("forget", "planted.buyer@example.com")
        assert b"lanted" not in held(program.folder)


async def test_rounds_for_cron_keep_buyers_data_no_longer_than_retention_says(world: World) -> None:
    program = world.program
    [number] = world.shop.seed(1, until="2026-03-01T00:00:00+00:00", names=["completed_card"])
    email = world.shop.order(number)["billing"]["email"].encode()
    await program.good("reconcile", "--since", LONG_AGO)
    await program.good("sync")
    assert email in held(program.folder)
    program.configuration["retention"] = "0s"
    program.write()
    await program.good("sync")
    assert email not in held(program.folder)


async def test_nothing_secret_or_personal_is_printed_or_logged(world: World) -> None:
    program, shop = world.program, world.shop
    person = {
        "first_name": "Zebulonia",
        "last_name": "Quasimodina",
        "address_1": "17 Plantedlane",
        "address_2": "",
        "city": "Plantedville",
        "company": "Plantedworks",
        "state": "NY",
        "postcode": "10001",
        "country": "US",
        "email": "planted.person@example.com",
        "phone": "+1 212 555 0187",
    }
    bad = [
        {**person, "email": "planted person@@example"},
        {**person, "phone": "planted-0187-phone"},
        {**person, "country": "Plantedland"},
        {**person, "email": "", "phone": ""},
    ]
    numbers = [shop.add(billing=one, shipping=one, customer_note="plantednote") for one in [person, *bad]]
    numbers.append(shop.add(billing=person, total="planted-amount"))
    numbers.append(shop.add(billing=person, date_created_gmt="2026-01-01T00:00:00", currency="planted"))
    refused, cut = shop.add(billing=person), shop.add(billing=person)
    world.sandbox.script(
        Fault(kind="status", status=422, order_ids=frozenset({refused})),
        Fault(kind="html", order_ids=frozenset({cut})),
    )
    backfill = await program("backfill", "--since", LONG_AGO, "--json")
    assert backfill.json[0]["failed"] >= 3
    async with program.daemon():
        shop.fail("truncated", times=2)
        shop.edit(numbers[0], status="completed")
        await until(
            lambda: (
                world.sandbox.ledger.orders[numbers[0]].fields["financial_status"] == "paid"
                and world.sandbox.ledger.orders[numbers[0]].calls > 1
            )
        )
    for command in (
        ["check"],
        ["sync"],
        ["status"],
        ["status", "--json"],
        ["failed", "list"],
        *(["explain", STORE, str(number)] for number in (numbers[1], numbers[4], refused, cut)),
        ["failed", "show", STORE, str(refused)],
        ["failed", "retry", STORE, "--all"],
    ):
        await program(*command)
    printed = program.printed()
    for word in ("Zebulonia", "Quasimodina", "lanted", "555 0187", "5550187"):
        assert word not in printed
    asked_for = await program.good("preview", STORE, str(numbers[0]))
    assert "Zebulonia" in asked_for.stdout  # the one place where buyers' data is shown
