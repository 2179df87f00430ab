"""Orders that are pushed to a real daemon: taken durably, told in words, sent to Privy."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import new as new_hmac
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.runtime import exact_json
from connector.sandbox.faults import Fault
from tests.fire.hatchery import Hatchery, Plugin
from tests.privy import RunningSandbox, running_sandbox
from tests.program import Program, Running, until

TOKEN = "a-token-of-the-house-0123456789"
SECRET = "whsec_" + b64encode(b"twenty-four bytes of key").decode()
STORE = "house"


def order(number: int = 1001, **fields: Any) -> dict[str, Any]:
    """An order in the words of Privy's own, placed a moment ago."""
    return {
        "order_id": number,
        "order_date": datetime.now(UTC).isoformat(),
        "total": 47.9,
        "currency": "EUR",
        "email": "ann@mail.example",
        "line_items": [{"sku": "TEA", "quantity": 2, "price": 19.95}],
        **fields,
    }


@dataclass
class House:
    """The program with one store of platform push, and Privy."""

    program: Program
    sandbox: RunningSandbox

    @property
    def store(self) -> dict[str, Any]:
        found: dict[str, Any] = self.program.configuration["stores"][STORE]
        return found

    def configure(self, **options: Any) -> None:
        self.store["options"] = options
        self.program.write()

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Door]:
        async with self.program.daemon() as running:
            listen = running.events("daemon.started")[0]["listen"]
            async with httpx.AsyncClient(base_url=listen, timeout=30) as http:
                yield Door(self, running, http)

    def stored(self, number: int) -> dict[str, Any]:
        """The body that Privy stored last."""
        bodies = [one.body for one in self.sandbox.arrivals if one.stored and one.order_id == number]
        content: dict[str, Any] = exact_json.decode(bodies[-1].encode())
        return content


@dataclass
class Door:
    """Where orders are pushed."""

    house: House
    running: Running
    http: httpx.AsyncClient

    async def push(
        self, content: Any, *, token: str | None = TOKEN, store: str = STORE, **headers: str
    ) -> httpx.Response:
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            own["authorization"] = f"Bearer {token}"
        body = content if isinstance(content, bytes) else exact_json.encode(content)
        return await self.http.post(f"/orders/{store}", content=body, headers=own)

    async def states(self, content: Any) -> list[str]:
        """What became of pushed orders."""
        answer = await self.push(content)
        return [one["state"] for one in answer.json()["orders"]]

    async def until_stored(self, *numbers: int) -> None:
        await until(lambda: all(number in self.house.sandbox.ledger.orders for number in numbers))


@pytest.fixture
async def house(tmp_path: Path, nest: Hatchery) -> AsyncIterator[House]:
    async with running_sandbox(per_minute=None, per_day=None, token="privy_test") as sandbox:
        program = Program(
            tmp_path, shop="http://127.0.0.1:1", privy=sandbox.base_url, token="privy_test", hatchery=nest
        )
        program.configuration["stores"] = {
            STORE: {
                "platform": "push",
                "url": "https://house.example",
                "credentials": {"token": [TOKEN, "the-one-before-that-0123456789"]},
                "webhook_secret": SECRET,
                "account": "main",
            }
        }
        program.write()
        yield House(program, sandbox)


def signature(body: bytes, secret: str = SECRET, *, at: float | None = None) -> dict[str, str]:
    """Headers as the Standard Webhooks specification has them."""
    stamp = str(int(time.time() if at is None else at))
    key = b64decode(secret.removeprefix("whsec_"))
    digest = new_hmac(key, b".".join((b"msg_1", stamp.encode(), body)), sha256).digest()
    return {
        "webhook_id": "msg_1",
        "webhook_timestamp": stamp,
        "webhook_signature": f"v1a,nothing v1,{b64encode(digest).decode()}",
    }


async def test_an_order_in_privys_own_words_needs_no_mapping_and_goes_out_live(house: House) -> None:
    async with house.daemon() as door:
        answer = await door.push(order(financial_status="paid", customer_id=2**60 + 1))
        assert answer.status_code == 202
        assert answer.json() == {"orders": [{"order": "1001", "state": "accepted", "lane": "live"}]}
        await door.until_stored(1001)
    sent = house.stored(1001)
    assert sent["initial_sync"] is False
    assert (sent["subtotal"], sent["customer_id"]) == (exact_json.decode("39.90"), str(2**60 + 1))
    assert [flow.kind for flow in house.sandbox.ledger.flows] == ["Order Placed"]


async def test_an_old_order_is_history_however_new_its_push_and_nobody_is_written_to(house: House) -> None:
    async with house.daemon() as door:
        old = (datetime.now(UTC) - timedelta(days=30)).isoformat()
        assert (await door.push(order(order_date=old))).json()["orders"][0]["lane"] == "history"
        await door.until_stored(1001)
        await door.push(order(order_date=old, fulfillment_status="delivered"))
        await until(lambda: house.stored(1001).get("fulfillment_status") == "delivered")
    assert house.sandbox.ledger.flows == []


async def test_a_document_of_ones_own_is_mapped_by_the_stores_expressions(house: House) -> None:
    house.configure(
        id="meta.uuid",
        placed_at="meta.at",
        changed_at="meta.touched",
        time_zone="America/New_York",
        amounts="minor",
        currency="money.cur",
        total="money.gross",
        email="buyer.mail",
        phone="buyer.cell",
        financial_status="state.money",
        fulfillment_status="state.goods",
        email_consent="optin && optin == 'yes'",
        placed="state.money != 'open'",
        line_items="basket",
        line={"sku": "article", "quantity": "pieces", "price": "each", "name": "title"},
        discounts="vouchers[?off > `0`]",
        discount={"code": "name", "amount": "off"},
        shipping_address="to",
        address={"name": "who", "country_code": "land", "city": "town"},
    )
    house.store["mapping"] = {
        "order_id": {"strategy": "hash"},
        "financial_status": {"bezahlt": "paid"},
        "fields": {"customer_id": "buyer.no"},
    }
    house.program.write()
    now = datetime.now(UTC).replace(microsecond=0)
    document = {
        "meta": {"uuid": "7b0c-ü", "at": int(now.timestamp() * 1000), "touched": now.isoformat()},
        "money": {"cur": "jpy", "gross": 1200},
        "buyer": {"mail": "hanako@mail.example", "cell": "075-123-4567", "no": "K7"},
        "state": {"money": "bezahlt", "goods": "im Versand"},
        "optin": "yes",
        "basket": [{"article": "CUP", "pieces": 2, "each": 600, "title": "Cup"}],
        "vouchers": [{"name": "NONE", "off": 0}, {"name": "TEN", "off": 10}],
        "to": {"who": "Hanako Rei Mihon", "land": "Japan", "town": "京都市"},
    }
    async with house.daemon() as door:
        assert await door.states(document) == ["accepted"]
        await until(lambda: house.sandbox.ledger.orders)
        [number] = house.sandbox.ledger.orders
    assert number >= 2**62
    sent = house.stored(number)
    assert sent == {
        "order_id": number,
        "order_date": now.isoformat().replace("+00:00", "Z"),
        "currency": "JPY",
        "total": 1200,
        "subtotal": 1200,
        "email": "hanako@mail.example",
        "phone": "+81751234567",
        "customer_id": "K7",
        "financial_status": "paid",
        "accepts_email_marketing": True,
        "total_items": 2,
        "line_items": [{"sku": "CUP", "quantity": 2, "price": 600, "name": "Cup"}],
        "discounts": [{"code": "TEN", "amount": 10}],
        "tax_lines": [],
        "shipping_address": {
            "first_name": "Hanako Rei",
            "last_name": "Mihon",
            "city": "京都市",
            "country_code": "JP",
        },
        "initial_sync": True,  # placed before the daemon ran for the first time
    }
    status = (await house.program.good("status", "--json")).json["stores"][0]
    assert status["notes"] == {"unknown-fulfillment-status:im_Versand": 1}


async def test_an_expression_that_cannot_be_read_is_named_with_its_line(house: House) -> None:
    house.configure(total="money.[gross", line={"prise": "x"}, time_zone="Mars/Olympus")
    checked = await house.program("check", "--offline")
    assert checked.code == 2
    for key, said in (
        ("options.total", "is not a JMESPath expression"),
        ("options.line.prise", 'did you mean "price"?'),
        ("options.time_zone", "there is no such time zone"),
    ):
        [line] = [line for line in checked.stderr.splitlines() if f"stores.{STORE}.{key}:" in line]
        assert said in line
        assert "connector.yaml:" in line


async def test_changed_at_and_version_exclude_each_other(house: House) -> None:
    house.configure(changed_at="a", version="b")
    checked = await house.program("check", "--offline")
    assert (checked.code, "exclude each other" in checked.stderr) == (2, True)


async def test_by_arrival_the_last_push_counts_and_an_equal_one_costs_no_call(house: House) -> None:
    placed = datetime.now(UTC).isoformat()
    async with house.daemon() as door:
        for total in range(10, 20):
            assert await door.states(order(order_date=placed, total=total)) == ["accepted"]
        await until(lambda: 1001 in house.sandbox.ledger.orders and house.stored(1001)["total"] == 19)
        calls = len(house.sandbox.arrivals)
        both = await door.states([order(order_date=placed, total=18), order(order_date=placed, total=19)])
        assert both == ["stale", "unchanged"]
        assert await door.states(order(order_date=placed, total=18)) == ["accepted"]
        await until(lambda: house.stored(1001)["total"] == 18)
        assert len(house.sandbox.arrivals) == calls + 1


@pytest.mark.parametrize(
    ("option", "values"),
    [("changed_at", ("2026-06-02T10:00:00Z", "2026-06-02T09:59:59Z")), ("version", (7, 6))],
)
async def test_with_a_configured_version_an_older_state_never_replaces_a_newer_one(
    house: House, option: str, values: tuple[Any, Any]
) -> None:
    house.configure(**{option: "v"})
    placed = datetime.now(UTC).isoformat()
    newer, older = values
    async with house.daemon() as door:
        assert await door.states(order(order_date=placed, total=2, v=newer)) == ["accepted"]
        assert await door.states(order(order_date=placed, total=1, v=older)) == ["stale"]
        assert await door.states(order(order_date=placed, total=3, v=newer)) == ["accepted"]
        mixed = [order(order_date=placed, total=5, v=newer), order(order_date=placed, total=4, v=older)]
        assert await door.states(mixed) == ["accepted", "stale"]
        await until(lambda: 1001 in house.sandbox.ledger.orders and house.stored(1001)["total"] == 5)
        broken = await door.push(order(order_date=placed, total=9, v="soon"))
        assert broken.status_code == 207
        assert broken.json()["orders"][0]["state"] == "failed"
        assert option in broken.json()["orders"][0]["reason"]
    assert house.stored(1001)["total"] == 5


async def test_what_cannot_be_mapped_is_kept_as_failed_and_goes_out_once_the_mapping_is_right(
    house: House,
) -> None:
    async with house.daemon() as door:
        answer = await door.push([order(1, total=None, sum=5), order(2), {"nothing": 1}])
        assert answer.status_code == 207
        assert answer.json()["orders"] == [
            {"order": "1", "state": "failed",
             "reason": "total: options.total (total) finds no amount; if the document has it elsewhere, "
             'write in the store, like mapping: {fields: {total: "invoice.total"}}'},
            {"order": "2", "state": "accepted", "lane": "live"},
            {"order": "", "state": "refused",
             "reason": "id: options.id (order_id) finds none in the document"},
        ]  # fmt: skip
        alone = await door.push({"nothing": 1})
        assert alone.status_code == 422
        await door.until_stored(2)
    house.configure(total="total || sum")
    async with house.daemon() as door:
        await house.program.good("failed", "retry", STORE, "1")
        await door.until_stored(1)
    assert house.stored(1)["total"] == 5


async def test_orders_are_skipped_by_named_rules_and_the_answer_says_so(house: House) -> None:
    house.store["mapping"] = {"skip": {"free-orders": "total == `0`"}}
    house.program.write()
    async with house.daemon() as door:
        answer = await door.push(
            [order(1, total=0), order(2, test=True), order(3, placed=False), order(4, email=None)]
        )
    assert answer.status_code == 202
    assert [(one["state"], one["rule"]) for one in answer.json()["orders"]] == [
        ("skipped", "free-orders"),
        ("skipped", "test-order"),
        ("skipped", "not-placed"),
        ("skipped", "no-contact"),
    ]


async def test_only_who_has_a_token_or_signs_may_push(house: House) -> None:
    async with house.daemon() as door:
        body = exact_json.encode(order())
        for good in (
            await door.push(body),
            await door.push(body, token="the-one-before-that-0123456789"),
            await door.push(body, token=None, **signature(body)),
            await door.push(body, token="wrong", **signature(body)),
        ):
            assert good.status_code == 202, good.text
        bad = [
            await door.push(body, token=None),
            await door.push(body, token="wrong"),
            await door.push(body, token=TOKEN + "x"),
            await door.push(body, token=None, authorization=TOKEN),
            await door.push(body + b" ", token=None, **signature(body)),
            await door.push(body, token=None, **signature(body, "whsec_b3RoZXI=")),
            await door.push(body, token=None, **signature(body, at=time.time() - 301)),
            await door.push(body, token=None, **signature(body, at=time.time() + 330)),
            await door.push(body, token=None, **{**signature(body), "webhook_id": "msg_2"}),
            await door.push(body, token=None, **{**signature(body), "webhook_timestamp": "soon"}),
            await door.push(body, token=None, **{**signature(body), "webhook_signature": "v1,"}),
        ]
        for answer in bad:
            assert answer.status_code == 401, answer.text
            assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in house.program.printed()
    assert SECRET not in house.program.printed()


async def test_wrong_addresses_bodies_and_sizes_are_told_apart(house: House) -> None:
    async with house.daemon() as door:
        assert (await door.push(order(), store="nobody")).status_code == 404
        assert (await door.http.get(f"/orders/{STORE}")).status_code == 405
        for body in (b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000):
            assert (await door.push(body)).status_code == 400, body[:20]
        for encoding, said in (("utf-16", "UTF-16"), ("latin-1", "ISO-8859-1 or Windows-1252")):
            answer = await door.push('{"order_id": 1, "name": "Müller"}'.encode(encoding))
            assert answer.status_code == 400
            assert said in answer.text
        odd = exact_json.encode([order(1), order(2), order(3, total="NaN")]).replace(b'"NaN"', b"NaN")
        odd = b"\xef\xbb\xbf" + odd.replace(b'"order_id":2', rb'"order_id":2,"x":"\ud83d"')
        answer = await door.push(odd, store=f"{STORE}/")  # the same address with a slash
        assert [one["state"] for one in answer.json()["orders"]] == ["accepted", "accepted", "failed"]
        assert (await door.push([])).status_code == 202
        assert (await door.push(b" " * (4 * 1024 * 1024 + 1))).status_code == 413
        many = await door.push([order(number) for number in range(1, 252)])
        assert many.status_code == 413
        assert (await door.states([order(number) for number in range(1, 251)])) == ["accepted"] * 250


async def test_in_a_burst_each_sender_gets_the_answer_about_its_own_orders(house: House) -> None:
    async with house.daemon() as door:

        async def send(number: int) -> list[tuple[str, str]]:
            faulty = {"total": "x"} if number % 7 == 0 else {}
            bodies = [order(number, **faulty), {"nothing": number}, order(1000 + number)][: 1 + number % 3]
            answer = await door.push(bodies)
            return [(one["order"], one["state"]) for one in answer.json()["orders"]]

        answers = await asyncio.gather(*(send(number) for number in range(1, 61)))
    for number, answer in enumerate(answers, 1):
        state = "failed" if number % 7 == 0 else "accepted"
        whole = [(str(number), state), ("", "refused"), (str(1000 + number), "accepted")]
        assert answer == whole[: 1 + number % 3]


async def test_a_database_that_takes_nothing_answers_503_and_the_next_try_is_taken(house: House) -> None:
    async with house.daemon() as door:
        pid = door.running.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))  # a full disk: no file grows or changes
        answer = await door.push(order(1))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert (await door.push(order(1))).status_code == 202

        other = sqlite3.connect(house.program.folder / "connector.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(door.push(order(number)) for number in (2, 3)))
        assert [answer.status_code for answer in answers] == [503, 503]
        other.execute("ROLLBACK")
        other.close()
        assert (await door.push(order(2))).status_code == 202
        await door.until_stored(1, 2)


async def test_an_answered_push_survives_the_death_of_the_daemon(house: House) -> None:
    house.sandbox.script(*[Fault(kind="status", status=503)] * 3)
    async with house.daemon() as door:
        answers = await asyncio.gather(*(door.push(order(number)) for number in range(1, 41)))
        assert {answer.status_code for answer in answers} == {202}
        door.running.signal(signal.SIGKILL)
        await door.running.process.wait()
    async with house.daemon() as door:
        await door.until_stored(*range(1, 41))


async def test_nothing_secret_or_of_a_buyer_is_in_any_line_of_the_log_at_debug_either(house: House) -> None:
    house.program.plugins.append(Plugin("plugins.talkative"))
    place = {"first_name": "Plantedfirst", "last_name": "Plantedlast", "address1": "7 Planted Road",
             "city": "Plantedtown", "postal_code": "PL4 NT", "country_code": "GB"}  # fmt: skip
    buyer = {"email": "planted.person@mail.example", "phone": "+44 20 7946 0999", "billing_address": place,
             "note": "plantednote"}  # fmt: skip
    house.sandbox.script(
        Fault(kind="status", status=422), Fault(kind="status", status=503), Fault(kind="reset")
    )
    async with house.daemon() as door:
        await door.push([order(1, **buyer), order(2, **buyer, total="plantedtotal"), order(3, **buyer)])
        await door.push({**buyer, "order_date": "plantedtime"})
        await door.push(order(4, **buyer), token="plantedtoken-0123456789")
        body = exact_json.encode(order(5, **buyer))
        await door.push(body, token=None, **signature(body, "whsec_cGxhbnRlZA=="))
        await door.push(b'{"email": "planted.person@mail.example"')
        await door.http.get("/orders/planted?token=plantedquery")
        await door.http.get("/metrics")
        await door.until_stored(3)
        await house.program("failed", "list")
        await house.program("status")
        assert b'"level": "debug"' in door.running.err.read_bytes()
    for line in door.running.err.read_text().splitlines():
        assert {"event", "level", "at"} <= exact_json.decode(line).keys()
    printed = house.program.printed()
    for word in ("lanted", "7946", TOKEN, SECRET, SECRET.removeprefix("whsec_"), "privy_test"):
        assert word not in printed, word


async def test_what_reads_a_shop_says_that_there_is_none(house: House) -> None:
    program = house.program
    async with house.daemon() as door:
        await door.push(order())
        await door.until_stored(1001)
        for command in (
            ("backfill", "--since", "2026-01-01", "--store", STORE, "--dry-run"),
            ("backfill", "--since", "2026-01-01", "--store", STORE),
            ("reconcile", STORE),
            ("reconcile",),
        ):
            refused = await program(*command)
            assert refused.code == 2
            assert "pushed" in refused.stderr
        checked = (await program.good("check")).stdout
        assert f"/orders/{STORE}" in checked
        assert "the order of arrival tells which state of an order is the newest" in checked
        previewed = (await program.good("preview", STORE, "1001", "--json")).json
        assert previewed[0]["verdict"].startswith("unchanged")
        newest = (await program.good("preview", STORE, "--last", "3", "--json")).json
        assert [one["ref"] for one in newest] == ["1001"]
        status = (await program.good("status", "--json")).json["stores"][0]
        assert (status["light"], status["delivered"]) == ("green", 1)
        assert status["read_at"] is not None
        calls = len(house.sandbox.arrivals)
        await program.good("replay", STORE, "1001")
        await until(lambda: len(house.sandbox.arrivals) == calls + 1)
        assert (await program("replay", STORE, "4711")).code == 1
        told = await program.good("explain", STORE, "1001")
        assert "by push" in told.stdout
    raw = program.folder / "raw.json"
    raw.write_bytes(exact_json.encode([order(5), order(6, total="x")]))
    shown = await program("preview", STORE, "--file", str(raw), "--json")
    assert [one["verdict"][:15] for one in shown.json] == ["would be sent i", "cannot be sent:"]
    assert (await program("sync")).code == 0
