"""Behind a real nginx, by its defaults and by the lines of our documentation: what strangers get to see."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from connector.runtime import passwords
from connector.web.access import ATTEMPTS
from tests.conftest import NGINX
from tests.fire.hatchery import Hatchery
from tests.program import STORE, Program, Running, until_answered

ROOT = Path(__file__).parents[2]
PASSWORD = "a password behind nginx"
PUSH_TOKEN = "a-token-of-a-sender-0123"
DEFAULTS = "location / { proxy_pass http://127.0.0.1:8080; }"
SEEN = ("/", "/overview", "/browse", f"/browse/{STORE}/1", "/failed", "/metrics")
CONFIGURATION = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; server_name connector.example.com; {locations} }}
}}
"""


def documented() -> str:
    """The lines of nginx that our documentation shows."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        found = re.search(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL)
        if found:
            return found[1]
    raise AssertionError("no page shows how nginx is configured")


@asynccontextmanager
async def nginx(folder: Path, daemon: Running, locations: str) -> AsyncIterator[httpx.AsyncClient]:
    """nginx before the daemon; a client that asks it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = daemon.events("daemon.started")[0]["listen"]
    file = folder / "nginx.conf"
    locations = locations.replace("http://127.0.0.1:8080", listen)
    file.write_text(CONFIGURATION.format(folder=folder, port=port, locations=locations))
    process = await asyncio.create_subprocess_exec(
        NGINX or "nginx", "-p", str(folder), "-c", str(file), "-e", "stderr"
    )
    headers = {"Host": "connector.example.com", "Accept": "text/html"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
        ) as client:

            async def answers() -> bool:
                assert process.returncode is None, "nginx ended"
                try:
                    return (await client.get("/healthz")).status_code in (200, 404)
                except httpx.TransportError:
                    return False

            await until_answered(answers)
            yield client
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
def program(tmp_path: Path, nest: Hatchery) -> Program:
    program = Program(
        tmp_path, shop="http://127.0.0.1:1", privy="http://127.0.0.1:1", token="privy_t", hatchery=nest
    )
    program.configuration["stores"] = {
        STORE: {
            "platform": "push",
            "url": "https://house.example",
            "credentials": {"token": PUSH_TOKEN},
            "account": "main",
        }
    }
    program.write()
    return program


async def push(client: httpx.AsyncClient) -> httpx.Response:
    order = {
        "order_id": 1,
        "order_date": "2026-06-01T00:00:00Z",
        "total": 5,
        "currency": "EUR",
        "email": "a@b.example",
    }
    return await client.post(
        f"/orders/{STORE}", json=order, headers={"Authorization": f"Bearer {PUSH_TOKEN}"}
    )


async def sign_in(client: httpx.AsyncClient, password: str) -> httpx.Response:
    page = await client.get("/sign-in")
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form, page.text
    return await client.post("/sign-in", data={"form": form[1], "password": password})


async def test_behind_nginxs_defaults_nobody_sees_the_page_without_signing_in(
    program: Program, tmp_path: Path
) -> None:
    async with program.daemon() as daemon, nginx(tmp_path, daemon, DEFAULTS) as client:
        assert (await push(client)).status_code == 202
        for path in SEEN:
            answer = await client.get(path)
            assert answer.status_code == (401 if path == "/metrics" else 303), path
            assert STORE not in answer.text.replace("/metrics", "")
        for action in ("/failed/retry", "/failed/discard"):
            refused = await client.post(action, data={"store": STORE, "ref": "1"})
            assert refused.status_code in (303, 403)
        for path in (f"/orders/{STORE}", f"/orders/{STORE}/1", "/orders/", "/orders"):
            assert (await client.get(path)).status_code in (404, 405)


async def test_behind_the_readmes_nginx_nobody_sees_the_page_without_signing_in(
    program: Program, tmp_path: Path
) -> None:
    program.configuration["page"] = {
        "password_hash": passwords.hashed(PASSWORD),
        "trusted_proxies": ["127.0.0.1"],
    }
    program.write()
    async with program.daemon() as daemon, nginx(tmp_path, daemon, documented()) as client:
        assert (await push(client)).status_code == 202
        assert (await client.post("/webhooks/nowhere", content=b"{}")).status_code == 404
        for path in SEEN[:-1]:
            assert (await client.get(path)).status_code == 303
        assert (await sign_in(client, PASSWORD)).status_code == 303
        assert STORE in (await client.get("/")).text
        client.cookies.clear()
        for number in range(ATTEMPTS + 1):
            client.headers["X-Forwarded-For"] = f"198.51.100.{number}, 203.0.113.9"
            refused = await sign_in(client, "wrong")
        # nginx adds whom it saw, which here is itself again; the one before is this caller's own invention.
        assert refused.status_code == 429
        client.headers["X-Forwarded-For"] = "203.0.113.10"
        assert (await sign_in(client, PASSWORD)).status_code == 303
