"""Webhooks from a shop to Privy, through the real daemon."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import signal
import sqlite3
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.settings.models import SHORTEST_WEBHOOK_SECRET
from connector.web.webhooks import MAX_BODY
from tests.fire.hatchery import Hatchery
from tests.privy import RunningSandbox, running_sandbox
from tests.program import STORE, Program, Running, until, until_answered
from tests.shops.woocommerce import Key, Shop, serve

SAMPLES = Path(__file__).parents[2] / "cassettes" / "woocommerce" / "samples" / "webhooks"
SECRET = "whsec_of_the_tests"
NEW, OLD = "a-new-secret-of-theirs", "an-old-secret-of-theirs"
TOKEN = "privy_hooks_token"
LONG_AGO = "2026-03-01T00:00:00+00:00"


class World:
    """A shop, Privy, and a program whose polls are hours apart, so that only webhooks bring anything."""

    def __init__(self, program: Program, shop: Shop, sandbox: RunningSandbox) -> None:
        self.program = program
        self.shop = shop
        self.sandbox = sandbox

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Hook]:
        """The daemon, after its first poll."""
        async with self.program.daemon() as running, httpx.AsyncClient(timeout=60) as client:
            await self.polled()
            yield Hook(running, client)

    async def polled(self) -> None:
        """Wait until both lists were read since the last call."""

        def both() -> bool:
            asked = [parameters.get("status") for _, path, parameters in list(self.shop.requests)]
            return "any" in asked and "trash" in asked

        await until(both)
        self.shop.requests.clear()

    def fetched(self) -> list[int]:
        """The orders that were asked for one by one."""
        paths = [path for _, path, _ in list(self.shop.requests) if "/orders/" in path]
        return [int(path.rpartition("/")[2]) for path in paths if path.rpartition("/")[2].isdecimal()]

    def at_privy(self, number: int) -> bool:
        return any(one.order_id == number and one.stored for one in self.sandbox.arrivals)

    def unseen(self, count: int = 1) -> list[int]:
        """Orders that no poll lists, because they changed long before the store was first seen."""
        return self.shop.seed(count, until=LONG_AGO, names=["completed_card"])


class Hook:
    """The daemon's door for webhooks."""

    def __init__(self, running: Running, client: httpx.AsyncClient) -> None:
        self.running = running
        self.url = address(running)
        self.client = client

    async def post(
        self, headers: dict[str, str], body: bytes, store: str = STORE
    ) -> tuple[int, dict[str, Any]]:
        """Deliver; the answer's status and JSON."""
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await self.client.post(f"{self.url}/webhooks/{store}", headers=raw, content=body)
        return answer.status_code, answer.json()


def address(running: Running) -> str:
    """Where a daemon listens."""
    return str(running.events("daemon.started")[-1]["listen"])


@pytest.fixture
def shop() -> Iterator[tuple[Shop, str]]:
    shop = Shop(secure=True)
    with serve(shop) as url:
        yield shop, url


@pytest.fixture
async def world(tmp_path: Path, shop: tuple[Shop, str], nest: Hatchery) -> AsyncIterator[World]:
    async with running_sandbox(per_minute=None, per_day=None, token=TOKEN) as sandbox:
        program = Program(tmp_path, shop=shop[1], privy=sandbox.base_url, token=TOKEN, hatchery=nest)
        program.store.update(poll="12h", webhook_secret=SECRET, webhook_fetches_per_minute=6000)
        program.write()
        yield World(program, shop[0], sandbox)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-wc-webhook-signature": b64encode(digest(secret.encode(), body, sha256)).decode()}


# What is taken, and what is not


async def test_real_deliveries_verify_byte_for_byte_and_a_flipped_byte_does_not(world: World) -> None:
    """Each sample's secret gets a store of its own; what is at the shop does not matter here. Those recorded
    with a secret that is too short for a configuration are read by tests of the platform."""
    samples = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    samples = [one for one in samples if not 0 < len(one["secret"]) < SHORTEST_WEBHOOK_SECRET]
    secrets = sorted({sample["secret"] for sample in samples if sample["secret"]})
    template = dict(world.program.store)
    stores = {f"store{number}": secret for number, secret in enumerate(secrets)}
    world.program.configuration["stores"] = {
        name: {**template, "url": f"{template['url']}/{name}", "webhook_secret": secret}
        | {"mapping": {"order_id": {"strategy": "hash"}}}
        for name, secret in stores.items()
    }
    world.program.write()
    accepted = 0
    async with world.program.daemon() as running, httpx.AsyncClient(timeout=60) as client:
        hook = Hook(running, client)
        for sample in samples:
            body = (SAMPLES / sample["raw_body_file"]).read_bytes()
            headers = {
                name: value for name, value in sample["headers"] if name.lower() not in ("host", "connection")
            }
            for name, secret in stores.items():
                status, _ = await hook.post(headers, body, name)
                if sample["signature_valid"] is None:
                    assert status == 200, "a ping"
                elif secret != sample["secret"]:
                    assert status == 401
                else:
                    assert status == (202 if body.startswith(b'{"id"') else 200), (
                        "error objects name no order"
                    )
                    accepted += status == 202
                    at = random.Random(7).randrange(len(body))
                    flipped = body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]
                    assert (await hook.post(headers, flipped, name))[0] == 401
    assert accepted >= 4


async def test_forged_oversized_and_misdirected_webhooks_are_refused_and_nothing_is_kept(
    world: World,
) -> None:
    (number,) = world.unseen()
    headers, body = world.shop.delivery(number)
    async with world.daemon() as hook:
        refused = {"error": "the signature is missing or wrong"}
        assert await hook.post({}, body) == (401, refused)
        assert await hook.post(signed(body, "another"), body) == (401, refused)
        assert await hook.post(signed(body, ""), body) == (401, refused)
        assert await hook.post(headers | {"x-wc-webhook-signature": "\xff\xfe"}, body) == (401, refused)
        large = b" " * MAX_BODY + body
        assert (await hook.post(signed(large), large))[0] == 413

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(MAX_BODY // 65536 + 2):
                yield b" " * 65536

        answer = await hook.client.post(f"{hook.url}/webhooks/{STORE}", content=chunks())
        assert answer.status_code == 413
        assert (await hook.post(headers, body, "nobody"))[0] == 404
        for path in ("/webhooks/", "/webhooks", f"/webhooks/{STORE}/", f"/webhooks/{STORE}/x"):
            assert (await hook.client.post(hook.url + path, content=body)).status_code == 404
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            answer = await hook.client.request(method, f"{hook.url}/webhooks/{STORE}")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        answer = await hook.client.options(f"{hook.url}/webhooks/{STORE}")
        assert (answer.status_code, answer.headers["allow"]) == (204, "POST")
    assert kept(world) == []
    assert world.fetched() == []
    assert len(hook.running.events("webhook.forged")) == 1  # a flood of them is one line


def kept(world: World) -> list[tuple[str, str]]:
    """What the inbox holds, asked of the file."""
    with sqlite3.connect(world.program.folder / "connector.db") as connection:
        return list(connection.execute("SELECT kind, subject FROM inbox"))


async def test_a_signed_body_that_names_no_order_is_answered_and_causes_nothing(world: World) -> None:
    gone = b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'
    strange = [b"", b"null", b"[1]", b"{", b'{"id":"7"}', b'{"id":-7}', b'{"id":true}', b'{"id":1e400}']
    async with world.daemon() as hook:
        for body in (gone, b"\xff\xfe\x00", b"[" * 100_000, *strange):
            assert (await hook.post(signed(body), body))[0] == 200, body[:20]
        assert kept(world) == []


async def test_an_unchunked_and_a_chunked_delivery_are_the_same(world: World) -> None:
    (number,) = world.unseen()
    headers, body = world.shop.delivery(number)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async with world.daemon() as hook:
        answer = await hook.client.post(f"{hook.url}/webhooks/{STORE}", headers=headers, content=chunks())
        assert answer.status_code == 202
        await until(lambda: world.at_privy(number))


async def test_while_rotating_both_secrets_count_and_a_reload_ends_the_old_one(world: World) -> None:
    (number,) = world.unseen()
    world.program.store["webhook_secret"] = [NEW, OLD]
    world.program.write()
    _, body = world.shop.delivery(number)
    async with world.daemon() as hook:
        assert (await hook.post(signed(body, NEW), body))[0] == 202
        assert (await hook.post(signed(body, OLD), body))[0] == 202
        world.program.store["webhook_secret"] = NEW
        world.program.write()
        await world.program.good("reload")
        await hook.running.until_event("daemon.started", 2)
        assert (await hook.post(signed(body, NEW), body))[0] == 202
        assert (await hook.post(signed(body, OLD), body))[0] == 401


# What follows


async def test_fifty_equal_deliveries_at_once_are_one_fetch(world: World) -> None:
    async with world.daemon() as hook:
        number = world.shop.add()
        headers, body = world.shop.delivery(number, "order.created")
        answers = await asyncio.gather(*(hook.post(headers, body) for _ in range(50)))
        assert {status for status, _ in answers} == {202}
        await until(lambda: world.at_privy(number))
        await until(lambda: not kept(world))
        assert world.fetched() == [number]
    assert [one.order_id for one in world.sandbox.arrivals] == [number]


async def test_however_webhooks_come_the_shop_is_fetched_from_at_the_pace(world: World) -> None:
    """As many as may be fetched at once; and when they are done five more, a second for each."""
    world.program.store["webhook_fetches_per_minute"] = 60
    world.program.write()
    waiting = world.unseen(15)
    async with world.daemon() as hook:
        started = time.monotonic()
        for batch in (waiting[:10], waiting[10:]):
            await asyncio.gather(*(hook.post(*world.shop.delivery(number)) for number in batch))
            await until(lambda: not kept(world))
        assert time.monotonic() - started >= 4.9
    assert sorted(world.fetched()) == waiting


async def test_an_order_trashed_and_restored_follows_at_privy(world: World) -> None:
    async with world.daemon() as hook:
        number = world.shop.add()

        async def follows(topic: str, status: str) -> None:
            assert (await hook.post(*world.shop.delivery(number, topic)))[0] == 202
            orders = world.sandbox.ledger.orders
            await until(lambda: number in orders and orders[number].fields["financial_status"] == status)

        await follows("order.created", "paid")
        world.shop.trash(number)
        await follows("order.deleted", "voided")
        world.shop.untrash(number)
        await follows("order.restored", "paid")


async def test_a_webhook_about_an_order_of_old_writes_to_nobody(world: World) -> None:
    (number,) = world.unseen()
    async with world.daemon() as hook:
        assert (await hook.post(*world.shop.delivery(number, "order.created")))[0] == 202
        await until(lambda: world.at_privy(number))
    assert world.sandbox.ledger.flows == []
    assert world.sandbox.arrivals[-1].initial_sync is True


async def test_killed_right_after_its_answer_the_daemon_loses_no_webhook(world: World) -> None:
    """Forty orders that only webhooks can bring; each round ends by kill -9 within 5 ms of an answer."""
    waiting = world.unseen(40)
    answered: set[int] = set()
    for seed in range(5):
        dice = random.Random(seed)
        running = await world.program.start("run")
        await running.until_event("daemon.started")
        url = f"{address(running)}/webhooks/{STORE}"
        async with httpx.AsyncClient(timeout=60) as client:

            async def deliver(number: int, url: str = url, client: httpx.AsyncClient = client) -> int:
                headers, body = world.shop.delivery(number)
                answer = await client.post(url, headers=headers, content=body)
                assert answer.status_code == 202
                return number

            batch = [asyncio.create_task(deliver(waiting.pop())) for _ in range(8)]
            await asyncio.wait(batch, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(dice.uniform(0, 0.005))
            running.signal(signal.SIGKILL)
            await running.end()
            for outcome in await asyncio.gather(*batch, return_exceptions=True):
                if isinstance(outcome, int):
                    answered.add(outcome)
                else:
                    assert isinstance(outcome, httpx.TransportError), outcome
    assert len(answered) >= 5
    async with world.program.daemon():
        await until(lambda: all(world.at_privy(number) for number in answered))


async def test_a_locked_database_answers_503_and_the_next_try_is_taken(world: World) -> None:
    (number,) = world.unseen()
    delivery = world.shop.delivery(number)
    async with world.daemon() as hook:
        other = sqlite3.connect(world.program.folder / "connector.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert (await hook.post(*delivery))[0] == 503
        answer = await hook.client.get(f"{hook.url}/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert "the database cannot be written to" in answer.json()["reasons"][0]
        assert (await hook.client.get(f"{hook.url}/healthz")).status_code == 200
        other.execute("ROLLBACK")
        other.close()
        assert (await hook.post(*delivery))[0] == 202
        await until(lambda: world.at_privy(number))


async def test_a_full_disk_answers_503_and_the_next_try_is_taken(world: World) -> None:
    (number,) = world.unseen()
    delivery = world.shop.delivery(number)
    async with world.daemon() as hook:
        pid = hook.running.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))  # no file grows or changes any more
        status, answer = await hook.post(*delivery)
        assert status == 503
        assert answer == {"error": "the database does not answer now; try again later"}
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert (await hook.post(*delivery))[0] == 202
        await until(lambda: world.at_privy(number))


# Subscriptions


async def with_own_address(world: World, hook: Hook) -> None:
    """Tell the program where the shop reaches its daemon."""
    world.program.configuration["public_url"] = hook.url
    world.program.write()


def states(world: World) -> dict[str, str]:
    """The shop's webhooks by topic."""
    return {str(row["topic"]): str(row["status"]) for row in world.shop.webhooks.values()}


async def test_registered_webhooks_bring_orders_and_registering_again_changes_nothing(world: World) -> None:
    shop, program = world.shop, world.program
    foreign = shop.hooks.create({"topic": "order.created", "delivery_url": "https://erp.invalid/hook"})
    async with world.daemon() as hook:
        await with_own_address(world, hook)
        listed = (await program.good("webhooks", "list", STORE, "--json")).json
        assert [one["state"] for one in listed] == ["missing"] * 4 + ["active"]
        done = (await program.good("webhooks", "register", STORE, "--json")).json
        assert {one["did"] for one in done["changes"]} == {"created"}
        assert done["address"] == f"{hook.url}/webhooks/{STORE}"
        assert "webhook_secret" not in done or done["webhook_secret"] is None
        hooks = dict(shop.webhooks)
        again = (await program.good("webhooks", "register", STORE, "--json")).json
        assert {one["did"] for one in again["changes"]} == {"kept"}
        assert shop.webhooks == hooks

        shop.requests.clear()
        number = shop.add()
        answers = await asyncio.to_thread(shop.deliver)
        assert answers.count(202) == 2  # created and updated; the other one is not reachable
        await until(lambda: world.at_privy(number))
        assert set(world.fetched()) == {number}
    assert SECRET not in program.printed()
    removed = (await program.good("webhooks", "remove", STORE)).stdout
    assert removed.count("removed") == 4
    assert list(shop.webhooks.values()) == [foreign]
    assert "There was none" in (await program.good("webhooks", "remove", STORE)).stdout


async def test_without_a_secret_register_makes_one_and_prints_it_once(world: World) -> None:
    shop, program = world.shop, world.program
    del program.store["webhook_secret"]
    async with world.daemon() as hook:
        await with_own_address(world, hook)
        shown = (await program.good("webhooks", "register", STORE)).stdout
        (line,) = [line.strip() for line in shown.splitlines() if "webhook_secret:" in line]
        secret = line.partition(": ")[2]
        assert len(secret) >= 40
        assert "kept nowhere else" in shown
        assert secret not in (program.folder / "connector.db").read_bytes().decode("latin-1")

        refused = await program("webhooks", "register", STORE)
        assert refused.code == 2
        assert "--renew" in refused.stderr

        number = shop.add()
        assert await asyncio.to_thread(shop.deliver) == [401, 401]
        program.store["webhook_secret"] = secret
        program.write()
        await program.good("reload")
        await hook.running.until_event("daemon.started", 2)
        shop.edit(number, status="completed")
        assert await asyncio.to_thread(shop.deliver) == [202]
        await until(lambda: world.at_privy(number))


async def test_what_the_shop_switched_off_is_noticed_by_the_daemon_and_repaired_by_register(
    world: World,
) -> None:
    shop, program = world.shop, world.program
    program.configuration["public_url"] = "http://127.0.0.1:9"  # where nobody listens
    program.write()
    await program.good("webhooks", "register", STORE)
    number = shop.add()
    for _ in range(7):
        shop.edit(number, customer_note="changed")
        await asyncio.to_thread(shop.deliver)
    assert states(world)["order.updated"] == "disabled"
    checked = await program("check")
    assert "the shop has switched off the webhook order.updated" in checked.stdout

    async with program.daemon() as running:
        event = await running.until_event("webhooks.lost")
        assert event["topic"] == "order.updated"
        (alarm,) = (await program.good("status", "--json")).json["stores"][0]["alarms"]
        assert "disabled by WooCommerce after repeated failures" in alarm["message"]
        assert f"connector webhooks register {STORE}" in alarm["message"]

    before = dict(shop.webhooks)
    done = (await program.good("webhooks", "register", STORE, "--json")).json
    assert {one["topic"]: one["did"] for one in done["changes"]}["order.updated"] == "repaired"
    assert set(states(world).values()) == {"active"}
    assert len(shop.webhooks) == len(before)
    assert (await program("check")).stdout.count("the shop sends all that are needed") == 1
    async with program.daemon():

        async def calm() -> bool:
            return not (await program.good("status", "--json")).json["stores"][0]["alarms"]

        await until_answered(calm)


async def test_rotation_makes_all_anew_with_the_first_secret(world: World) -> None:
    shop, program = world.shop, world.program
    async with world.daemon() as hook:
        await with_own_address(world, hook)
        await program.good("webhooks", "register", STORE)
        program.store["webhook_secret"] = ["whsec_new_of_tests", SECRET]
        program.write()
        await program.good("reload")
        await hook.running.until_event("daemon.started", 2)
        done = (await program.good("webhooks", "register", STORE, "--renew", "--json")).json
        assert {one["did"] for one in done["changes"]} == {"renewed"}
        program.store["webhook_secret"] = "whsec_new_of_tests"
        program.write()
        await program.good("reload")
        await hook.running.until_event("daemon.started", 3)
        shop.add()
        assert await asyncio.to_thread(shop.deliver) == [202, 202]


async def test_a_key_that_may_only_read_is_told_what_it_lacks(world: World) -> None:
    world.shop.keys["ck_test"] = Key(permissions="read")
    refused = await world.program("webhooks", "register", STORE, "--address", "https://hooks.example/x")
    assert refused.code == 1
    assert "does not have write permissions" in refused.stderr
    assert "Read/Write" in refused.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("register", STORE), "set public_url in the configuration"),
        (("register", STORE, "--address", "ftp://x"), "--address: an address is written in full"),
        (("register", STORE, "--address", "http://hooks.example/x"), "in the clear"),
        (("list", "nobody"), "there is no store 'nobody'"),
    ],
)
async def test_what_cannot_be_done_is_said(world: World, words: tuple[str, ...], sentence: str) -> None:
    finished = await world.program("webhooks", *words)
    assert finished.code == 2
    assert sentence in finished.stderr


async def test_a_list_of_more_than_a_page_is_read_to_its_end(world: World) -> None:
    for number in range(130):
        world.shop.hooks.create({"topic": "product.updated", "delivery_url": f"https://erp.example/{number}"})
    rows = (
        await world.program.good("webhooks", "list", STORE, "--address", "https://x.example/", "--json")
    ).json
    assert len([row for row in rows if not row["ours"]]) == 130
