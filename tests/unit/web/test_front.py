"""The daemon's front as a whole: nothing that is sent to it makes it fail, and it starts and stops well."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.daemon.app import App
from connector.settings import loader
from connector.web.application import routes
from connector.web.context import Front
from tests.fire.hatchery import Hatchery
from tests.program import STORE, Program, Running, until_answered
from tests.shops.woocommerce import Shop, serve

HEADERS = (
    "Accept", "Authorization", "Content-Type", "Content-Encoding", "Cookie", "Expect", "Host", "HX-Request",
    "If-None-Match", "Last-Event-ID", "Origin", "Range", "Referer", "Transfer-Encoding", "Upgrade",
    "X-Forwarded-For", "X-WC-Webhook-Signature", "webhook-id", "webhook-signature", "webhook-timestamp",
)  # fmt: skip
FIELDS = ("id", "order_id", "order_date", "total", "currency", "email", "line_items", "changed_at", "x")
PUSH_TOKEN = "push_token_of_the_front"
SECURITY = {
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.fixture
async def program(tmp_path: Path, nest: Hatchery) -> AsyncIterator[Program]:
    with serve(Shop(secure=True)) as url:
        program = Program(
            tmp_path, shop=url, privy="http://127.0.0.1:9", token="privy_front_token", hatchery=nest
        )
        program.store.update(webhook_secret="whsec_of_the_tests")
        program.write()
        yield program


def with_pushed_store(program: Program) -> None:
    program.configuration["stores"]["pushed"] = {
        "platform": "push", "url": "https://pushed.example", "credentials": {"token": PUSH_TOKEN},
        "account": "main", "mapping": {"order_id": {"strategy": "hash"}},
    }  # fmt: skip
    program.write()


def port_of(running: Running) -> int:
    return int(str(running.events("daemon.started")[-1]["listen"]).rpartition(":")[2])


async def paths(program: Program) -> list[str]:
    """Every path of the front; parameters but the store stay as they are written in the routes."""
    app = App(loaded := loader.load(program.path), starts=loaded.settings.stores)
    try:
        found = [str(cast(Any, route).path) for route in routes(Front(app))]
    finally:
        await app.close()
    return sorted({path.replace("{store}", store) for path in found for store in (STORE, "pushed")})


async def test_no_request_whatever_makes_it_fail(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in program.variables.items():
        monkeypatch.setenv(variable, value)
    with_pushed_store(program)
    text = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
    segment = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
    known = st.sampled_from(await paths(program))
    path = st.one_of(
        known,
        st.builds("{}/{}".format, known, segment),
        st.builds("{}?{}".format, known, segment),
        st.builds("/{}".format, segment),
    )
    method = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
    name = st.sampled_from(HEADERS)
    header = st.one_of(text, st.just(f"Bearer {PUSH_TOKEN}"))
    json_value = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
        ),
        max_leaves=8,
    )
    content = st.one_of(st.binary(max_size=300), json_value.map(lambda value: json.dumps(value).encode()))

    async with program.daemon() as running:
        port = port_of(running)

        @settings(
            max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(
            method=method,
            path=path,
            headers=st.dictionaries(name, header, max_size=4),
            body=content,
        )
        def attack(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
                for key, value in headers.items():
                    connection.putheader(key, value.encode("latin-1"))
                if "Transfer-Encoding" not in headers:
                    connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                status = connection.getresponse().status
            except (http.client.HTTPException, OSError):
                return  # what is no HTTP at all may be cut off
            finally:
                connection.close()
            assert status < 500 or (status == 503 and path.startswith("/readyz")), (status, method, path)

        @settings(max_examples=100, deadline=None, derandomize=True)
        @given(st.binary(min_size=1, max_size=300))
        def garbage(content: bytes) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(content + b"\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(100)
            assert not answer.startswith(b"HTTP/1.1 5")

        await asyncio.to_thread(attack)
        await asyncio.to_thread(garbage)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    log = running.err.read_text()
    assert "front.fault" not in log
    assert "Traceback" not in log


async def test_every_answer_carries_headers_that_keep_browsers_safe(program: Program) -> None:
    async with program.daemon() as running, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port_of(running)}"
        for method, path in (("GET", "/healthz"), ("GET", "/nowhere"), ("POST", f"/webhooks/{STORE}")):
            answer = await client.request(method, url + path)
            for name, value in SECURITY.items():
                assert answer.headers[name].startswith(value)
            assert "server" not in answer.headers


async def test_a_browser_gets_a_page_and_a_program_json(program: Program) -> None:
    async with program.daemon() as running, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port_of(running)}/no%3Cscript%3Ewhere"
        page = await client.get(url, headers={"Accept": "text/html,*/*"})
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "there is nothing here" in page.text
        assert "script" not in page.text
        assert (await client.get(url)).json() == {"error": "there is nothing here"}


async def test_an_address_that_is_taken_is_told(program: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program.configuration["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        program.write()
        finished = await program("run")
    assert finished.code == 2
    assert f"cannot listen on {program.configuration['listen']} (Address already in use)" in finished.stderr


async def test_a_host_that_is_not_this_machine_is_told(program: Program) -> None:
    program.configuration["listen"] = "192.0.2.1:8080"
    program.write()
    finished = await program("run")
    assert finished.code == 2
    assert "cannot listen on 192.0.2.1:8080" in finished.stderr


async def test_ipv6_works_and_the_log_says_where(program: Program) -> None:
    program.configuration["listen"] = "[::1]:0"
    program.write()
    async with program.daemon() as running, httpx.AsyncClient() as client:
        url = str(running.events("daemon.started")[0]["listen"])
        assert url.startswith("http://[::1]:")
        assert (await client.get(f"{url}/healthz")).json() == {"status": "ok"}


async def test_a_reload_keeps_the_socket_and_another_address_needs_a_restart(program: Program) -> None:
    async with program.daemon() as running, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port_of(running)}"
        program.configuration["stores"]["second"] = {
            **program.store, "url": program.store["url"] + "/second",
            "mapping": {"order_id": {"strategy": "hash"}},
        }  # fmt: skip
        assert (await client.post(f"{url}/webhooks/second")).status_code == 404
        program.write()
        await program.good("reload")
        await running.until_event("daemon.started", 2)
        assert (await client.post(f"{url}/webhooks/second")).status_code == 401
        program.configuration["listen"] = "localhost:0"
        program.write()
        await program.good("reload")
        refused = await running.until_event("daemon.reload_refused")
        assert refused["error"] == "listen: needs a restart to change"
        assert (await client.post(f"{url}/webhooks/second")).status_code == 401


async def test_it_stops_in_time_while_callers_hang(program: Program) -> None:
    """One that never finishes its head, one that never sends its body, one that keeps its connection."""
    running = await program.start("run")
    await running.until_event("daemon.started")
    port = port_of(running)
    heads = [
        b"POST /webhooks/acme HTT",
        b"POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    callers = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in heads]
    for caller, head in zip(callers, heads, strict=True):
        caller.sendall(head)
    assert await asyncio.to_thread(callers[2].recv, 20) == b"HTTP/1.1 200 OK\r\ndat"
    running.signal(signal.SIGTERM)
    finished = await asyncio.wait_for(running.end(), 10)
    assert finished.code == 0
    assert "Traceback" not in finished.stderr
    for caller in callers:
        caller.close()


# Health


async def test_it_is_ready_once_every_store_was_read(program: Program) -> None:
    with_pushed_store(program)  # which nobody reads
    async with program.daemon() as running, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port_of(running)}/readyz"
        answers: list[httpx.Response] = []

        async def ready() -> bool:
            answers.append(await client.get(url))
            return answers[-1].status_code == 200

        async with asyncio.timeout(60):
            while not await ready():
                await asyncio.sleep(0.02)
        assert answers[-1].json() == {"status": "ready", "reasons": []}


async def test_what_rests_and_what_was_never_read_are_reasons_without_secrets(tmp_path: Path) -> None:
    shop = Shop(secure=True)
    shop.fail("401", times=None)
    with serve(shop) as url:
        program = Program(tmp_path, shop=url, privy="http://127.0.0.1:9", token="privy_front_token")
        async with program.daemon() as running, httpx.AsyncClient() as client:
            await running.until_event("shop.lost")
            answer = await client.get(f"http://127.0.0.1:{port_of(running)}/readyz")
            assert answer.status_code == 503
            first, second = answer.json()["reasons"]
            assert first.startswith("reading the shop of store acme rests (auth) since ")
            assert second == "store acme has not been read yet"
            assert url not in answer.text


async def test_the_command_asks_the_daemon(program: Program, free_port: int) -> None:
    program.configuration["listen"] = f"127.0.0.1:{free_port}"
    program.write()
    absent = await program("health")
    assert (absent.code, absent.stdout) == (1, "")
    assert f"no daemon answers on 127.0.0.1:{free_port}" in absent.stderr
    async with program.daemon():

        async def ready() -> bool:
            return (await program("health", "--ready")).code == 0

        await until_answered(ready)
        assert (await program.good("health", "--json")).json == {"status": "ready", "reasons": []}
        assert (await program.good("health")).stdout == "The daemon answers; it is ready.\n"

        # The daemon runs on with what it has; to have it restarted now would end it.
        program.configuration["stores"]["acme"]["polll"] = "1m"
        program.write()
        assert (await program("check")).code == 2
        await program.good("health", "--ready")
    program.configuration["listen"] = "somewhere"
    program.write()
    told = await program("health")
    assert (told.code, told.stdout) == (2, "")
    assert "listen: " in told.stderr
    assert "polll" not in told.stderr


async def test_health_needs_to_know_the_port(program: Program) -> None:
    finished = await program("health")
    assert finished.code == 2
    assert "choose a port" in finished.stderr
