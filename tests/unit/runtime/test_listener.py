"""The listener: quick answers, and callers who take their time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.model.errors import UsageError
from connector.runtime import listener
from connector.runtime.listener import Server, bind, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def hello(request: Request) -> Response:
        return Response(b"hello")

    async with serving(Starlette(routes=[Route("/", hello)]), bind("127.0.0.1", 0)) as server:
        yield server


def connection(server: Server) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=30)


async def received(client: socket.socket) -> bytes:
    """What comes next; empty when the server closed, also with a reset."""
    try:
        return await asyncio.to_thread(client.recv, 1000)
    except ConnectionResetError:
        return b""


async def test_a_head_that_does_not_come_whole_in_time_ends_the_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.3)
    with connection(server) as silent, connection(server) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert await received(slow) == b""
        assert await received(silent) == b""


async def test_a_second_head_must_come_in_time_too_however_its_bytes_are_spread(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while b"hello" not in answer:
            answer += await received(client)
        monkeypatch.setattr(listener, "HEAD_SECONDS", 0.3)
        async with asyncio.timeout(30):
            with suppress(BrokenPipeError, ConnectionResetError):
                while True:
                    client.sendall(b"X")
                    await asyncio.sleep(0.02)


async def test_hundreds_of_idle_connections_do_not_keep_anybody_out(server: Server) -> None:
    with ExitStack() as idle:
        for number in range(listener.MOST_CONNECTIONS + 20):
            caller = idle.enter_context(connection(server))
            if number % 2:
                caller.sendall(b"GET / HTTP/1.1\r\nHost:")
            await asyncio.sleep(0)
        async with httpx.AsyncClient() as client:
            assert (await client.get(server.url)).text == "hello"
        assert len(server.connections) <= listener.MOST_CONNECTIONS + 1


async def test_a_head_that_is_too_large_is_refused(server: Server) -> None:
    with connection(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (listener.HEAD_BYTES + 70_000))
        assert b" 400 " in await received(client)


async def test_connections_that_are_kept_are_used_again(server: Server) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(20):
            assert (await client.get(server.url)).text == "hello"
        assert len(server.connections) == 1


def test_a_port_that_is_taken_is_told() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"cannot listen on 127.0.0.1:{port} \(Address already in use\)"
        ):
            bind("127.0.0.1", port)


def test_a_host_that_is_not_known_is_told() -> None:
    with pytest.raises(UsageError, match=r"cannot listen on nowhere.invalid:80: .*correct the host"):
        bind("nowhere.invalid", 80)
