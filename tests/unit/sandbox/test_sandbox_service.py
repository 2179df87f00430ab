"""The sandbox as a service: faults, its own endpoints, its file, its command."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.model.errors import StateError, UsageError
from connector.sandbox.faults import Fault
from connector.sandbox.privy import Sandbox
from connector.sandbox.server import serving
from tests.privy import TOKEN, Hands, running_sandbox
from tests.privy_client import ORDER, client

GRANT = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "s3cret"}


# Faults


async def test_a_scripted_status_hits_the_next_requests_only() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="status", status=500, count=2), Fault(kind="status", status=401))
        assert [(await privy.place()).status_code for _ in range(4)] == [500, 500, 401, 201]
        assert [arrival.fault for arrival in privy.privy.arrivals] == ["status", "status", "status", ""]


async def test_a_fault_can_be_for_some_orders_for_good() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="status", status=422, count=None, order_ids=frozenset([5])))
        assert [(await privy.place(order_id=n)).status_code for n in (5, 6, 5)] == [422, 201, 422]
        assert list(privy.privy.ledger.orders) == [6]


async def test_a_page_with_200_and_a_redirect_are_no_delivery() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="html"), Fault(kind="redirect", location="http://127.0.0.1:9/else"))
        page, moved = await privy.place(), await privy.place()
        assert (page.status_code, page.text[:9]) == (200, "<!doctype")
        assert (moved.status_code, moved.headers["location"]) == (307, "http://127.0.0.1:9/else")
        assert page.headers["x-ratelimit-remaining-minute"] == "59"
        assert not privy.privy.ledger.orders


@pytest.mark.parametrize("stored", [False, True])
async def test_a_connection_can_break_before_or_after_the_order_is_stored(stored: bool) -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="reset", stored=stored))
        with pytest.raises(httpx.TransportError):
            await privy.place()
        assert privy.privy.arrivals[0].status is None
        assert bool(privy.privy.ledger.orders) is stored is privy.privy.arrivals[0].stored
        assert (await privy.place()).status_code == (200 if stored else 201)


async def test_an_answer_can_be_cut_in_the_middle() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="cut"))
        with pytest.raises(httpx.RemoteProtocolError):
            await privy.place()
        assert privy.privy.arrivals[0].stored


async def test_an_answer_can_drip() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="drip", seconds=0.01))
        assert (await privy.place()).json()["data"]["total_amount"] == "95.00"


async def test_a_hanging_answer_ends_when_the_caller_gives_up_or_the_sandbox_stops() -> None:
    async with client() as privy:
        privy.privy.script(Fault(kind="hang", count=None, stored=True))
        privy.http.timeout = httpx.Timeout(5, read=0.05)
        with pytest.raises(httpx.ReadTimeout):
            await privy.place()
        privy.http.timeout = httpx.Timeout(30)
        waiting = asyncio.ensure_future(privy.place())
        while len(privy.privy.arrivals) < 2:
            await asyncio.sleep(0)
        privy.privy.sandbox.faults.released.set()
        with pytest.raises(httpx.TransportError):
            await waiting


async def test_the_token_endpoint_can_fail_too() -> None:
    async with client(clients={"app": "s3cret"}) as privy:
        config = {"faults": [{"kind": "status", "status": 503, "path": "/oauth/token"}], "latency": 0.001}
        assert (await privy.http.post("/sandbox/config", json=config)).status_code == 200
        assert (await privy.http.post("/oauth/token", data=GRANT)).status_code == 503
        assert (await privy.http.post("/oauth/token", data=GRANT)).status_code == 200


# Its own endpoints and page


async def test_the_endpoints_show_what_arrived_and_reset_forgets_it() -> None:
    async with client() as privy:
        await privy.place(order_id=1)
        await privy.place(order_id=2, initial_sync=True)

        async def show(path: str) -> Any:
            return (await privy.http.get(f"/sandbox/{path}")).json()

        assert [order["order_id"] for order in await show("orders")] == [1, 2]
        assert [contact["email"] for contact in await show("contacts")] == ["ann@shop.example"]
        assert [flow["kind"] for flow in await show("flows")] == ["Order Placed"]
        assert [arrival["number"] for arrival in await show("arrivals?after=1")] == [2]
        assert [order["order_id"] for order in await show("orders?limit=1")] == [2]
        assert (await show("state"))["businesses"]["main"]["remaining_minute"] == 58
        assert (await privy.http.post("/sandbox/reset", json={})).json()["arrivals"] == 0
        assert await show("orders") == []


async def test_a_change_that_is_not_understood_is_refused_in_a_sentence() -> None:
    async with client() as privy:
        answer = await privy.http.post("/sandbox/config", json={"per_minut": 5})
        assert answer.status_code == 422
        assert "per_minut" in answer.json()["error"]["message"]
        assert (await privy.http.post("/sandbox/config", json={"business": "x"})).status_code == 404
        assert (await privy.http.get("/sandbox/orders?limit=many")).status_code == 422


async def test_limits_can_change_while_it_runs() -> None:
    async with client(per_minute=1, window="sliding") as privy:
        await privy.place()
        await privy.http.post("/sandbox/config", json={"per_minute": None, "window": "fixed"})
        assert (await privy.place()).status_code == 200


async def test_the_page_escapes_everything_and_loads_nothing() -> None:
    async with client() as privy:
        await privy.place(
            shipping_address={"name": "<script>alert(1)</script> \"'"}, fulfillment_status="delivered"
        )
        answer = await privy.http.get("/")
        assert "<script" not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "Order Received" in answer.text
        assert "src=" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


async def test_buyers_data_is_shown_under_a_loopback_name_only() -> None:
    async with client() as privy:
        for path in ("/", "/sandbox/orders"):
            answer = await privy.http.get(path, headers={"Host": "shop.example"})
            assert answer.status_code == 403
        form = await privy.http.post("/sandbox/reset", data={"a": "b"})
        assert form.status_code == 415


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "shop.example"])
async def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        async with serving(Sandbox(), host=host):
            pass


async def test_a_port_in_use_is_told() -> None:
    async with running_sandbox() as first:
        with pytest.raises(UsageError, match="choose another port"):
            async with serving(Sandbox(), port=int(first.base_url.rpartition(":")[2])):
                pass


# Its file and its command


async def test_a_file_brings_everything_back_though_its_last_line_was_cut(tmp_path: Path) -> None:
    data, clock = tmp_path / "privy.jsonl", Hands()
    async with client(data=data, clock=clock, integrations=["one"]) as privy:
        await privy.place(order_id=1, discounts=[{"code": "A", "amount": 5}])
        await privy.place(order_id=1, fulfillment_status="delivered")
        await privy.place(order_id=2, total="x")
        before = privy.privy.ledger
    with data.open("ab") as file:
        file.write(b'{"number": 4, "received_at": "2026')
    async with client(data=data, clock=clock, integrations=["one"]) as privy:
        ledger = privy.privy.ledger
        assert (ledger.orders, ledger.contacts, ledger.flows) == (
            before.orders,
            before.contacts,
            before.flows,
        )
        assert (await privy.place(order_id=1)).headers["x-ratelimit-remaining-minute"] == "56"
        assert len(privy.privy.arrivals) == 4
    assert len(data.read_bytes().splitlines()) == 4


async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "privy.jsonl"
    data.write_bytes(b"garbage\n{}\n")
    with pytest.raises(StateError, match=r"privy\.jsonl:1"):
        Sandbox(data=data)
    assert data.read_bytes() == b"garbage\n{}\n"


async def test_a_full_disk_answers_503_stores_nothing_and_is_survived(tmp_path: Path) -> None:
    data = tmp_path / "privy.jsonl"
    async with client(data=data) as privy:
        await privy.place(order_id=1)
        size = data.stat().st_size
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, unlimited[1]))
        try:
            answer = await privy.place(order_id=2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert (data.stat().st_size, list(privy.privy.ledger.orders)) == (size, [1])
        assert (await privy.place(order_id=2)).status_code == 201


async def test_a_file_belongs_to_one_sandbox_at_a_time(tmp_path: Path) -> None:
    async with running_sandbox(data=tmp_path / "privy.jsonl"):
        with pytest.raises(StateError, match="another sandbox"):
            Sandbox(data=tmp_path / "privy.jsonl")


COMMAND = "from connector.cli.sandbox import sandbox; sandbox()"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_prints_where_it_is_and_ends_at_a_signal(stop: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "--json", "--follow", "--per-minute", "none", "--client", "app:s3cret",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    started = json.loads(await process.stdout.readline())
    assert len(started["token"]) == len("privy_") + 40
    async with httpx.AsyncClient(base_url=started["base_url"]) as http:
        headers = {"Authorization": f"Bearer {started['token']}"}
        answer = await http.post("/v1/orders/placed", json=ORDER, headers=headers)
        assert answer.status_code == 201
        assert "x-ratelimit-limit-minute" not in answer.headers
        assert (await http.post("/oauth/token", data=GRANT)).status_code == 200
    line = json.loads(await process.stdout.readline())
    assert (line["order_id"], line["status"]) == (ORDER["order_id"], 201)
    process.send_signal(stop)
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_the_command_keeps_every_answered_order_over_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "privy.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, "--json", "--token", TOKEN, "--data", str(data),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    started = json.loads(await process.stdout.readline())
    async with httpx.AsyncClient(base_url=started["base_url"]) as http:
        await http.post("/v1/orders/placed", json=ORDER, headers={"Authorization": f"Bearer {TOKEN}"})
        process.kill()
        await process.wait()
    async with running_sandbox(data=data) as privy:
        assert list(privy.ledger.orders) == [ORDER["order_id"]]
