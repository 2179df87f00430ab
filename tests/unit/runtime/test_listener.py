"""The listener: quick answers, and callers who take their time."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
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


@pytest.fixture
async def taking() -> AsyncIterator[Server]:
    """A server that reads bodies."""

    async def hello(request: Request) -> Response:
        return Response(b"got " + await request.body())

    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    async with serving(app, bind("127.0.0.1", 0)) as server:
        yield server


def a_slow_body(server: Server, source: str = "127.0.0.1") -> socket.socket:
    client = socket.create_connection((server.host, server.port), timeout=30, source_address=(source, 0))
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    return client


async def test_unfinished_bodies_are_bounded_and_nobody_is_kept_out(
    taking: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 40)
    with ExitStack() as slow:
        for _ in range(200):
            slow.enter_context(a_slow_body(taking))
            await asyncio.sleep(0)
        async with httpx.AsyncClient() as client:
            assert (await client.get(taking.url)).text == "got "
        assert len(taking.connections) <= 41


async def test_one_peers_crowd_ends_before_anybody_elses_request(
    taking: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 40)
    with ExitStack() as slow:
        other = slow.enter_context(a_slow_body(taking, "127.0.0.2"))
        await asyncio.sleep(0.1)
        for _ in range(200):
            slow.enter_context(a_slow_body(taking))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        peers = [one.peer for one in taking.connections]
        assert peers.count("127.0.0.1") <= 25
        other.sendall(b"x" * 99)
        assert b"200 OK" in await received(other)


async def test_a_body_must_come_whole_in_time_however_its_bytes_are_spread(
    taking: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "BODY_SECONDS", 0.3)
    with a_slow_body(taking) as client:
        async with asyncio.timeout(30):
            with suppress(BrokenPipeError, ConnectionResetError):
                while True:
                    client.sendall(b"X")
                    await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert not taking.connections


async def test_who_does_not_take_an_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "READING_SECONDS", 0.3)

    async def much(request: Request) -> Response:
        return Response(b"x" * 50_000_000)

    async with serving(Starlette(routes=[Route("/", much)]), bind("127.0.0.1", 0)) as server:
        with connection(server) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(30):
                while not server.connections:
                    await asyncio.sleep(0.01)
                while server.connections:
                    await asyncio.sleep(0.01)


async def test_a_lack_of_descriptors_is_a_line_of_the_log_and_not_thousands(server: Server) -> None:
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("asyncio").addHandler(handler)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    loop = asyncio.get_running_loop()
    with ExitStack() as open_ones:
        open_ones.callback(loop.set_exception_handler, loop.get_exception_handler())
        loop.set_exception_handler(None)  # as in the daemon
        callers = [
            open_ones.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(20)
        ]
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        with suppress(OSError):
            while True:
                open_ones.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        try:
            for caller in callers:
                caller.setblocking(False)
                caller.connect_ex((server.host, server.port))
            await asyncio.sleep(2.5)  # asyncio tries again each second
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            logging.getLogger("asyncio").removeHandler(handler)
        assert len(said) == 1, said
        assert "accept" in said[0]
        async with httpx.AsyncClient() as client:
            assert (await client.get(server.url)).text == "hello"


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
