"""The test harness itself: what it blocks, and what its fixtures give."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.conftest import ClosedNetwork


def test_an_address_outside_of_loopback_cannot_be_connected_to() -> None:
    with socket.socket() as client, pytest.raises(ClosedNetwork, match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 443))


def test_a_datagram_cannot_leave_the_machine() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as client,
        pytest.raises(ClosedNetwork, match=r"192\.0\.2\.1"),
    ):
        client.sendto(b"?", ("192.0.2.1", 53))


async def test_asyncio_cannot_look_up_a_name_of_the_outside() -> None:
    with pytest.raises(ClosedNetwork, match=r"shop\.example"):
        await asyncio.open_connection("shop.example", 443)


async def test_asyncio_cannot_connect_to_an_address_of_the_outside() -> None:
    with pytest.raises(ClosedNetwork, match=r"192\.0\.2\.1"):
        await asyncio.open_connection("192.0.2.1", 443)


async def test_a_name_under_invalid_is_unknown_as_it_is_everywhere() -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://shop.invalid/")


async def test_loopback_is_open(free_port: int) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", free_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", free_port)
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("_again", [1, 2])
def test_every_test_gets_an_empty_database(database_url: str, _again: int) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
        connection.execute(text("INSERT INTO orders VALUES (1)"))
        assert connection.scalar(text("SELECT count(*) FROM orders")) == 1
    engine.dispose()
