"""Large bodies go to disk, however long they take, but never in silence, and never in part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from connector.model.errors import Unavailable
from connector.runtime.http import Http

BODY = bytes(range(256)) * 4096
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a server that answers so, and the heads of the requests."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        try:
            await answer(writer)
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        host, port = listener.sockets[0].getsockname()
        yield f"http://{host}:{port}", heads


def head(status: str = "200 OK", length: int = len(BODY)) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode()


async def test_a_body_is_written_as_it_comes() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head() + BODY)
        await writer.drain()

    file = BytesIO()
    async with server(answer) as (url, _), Http() as http:
        reply = await http.download(f"{url}/file", file)
    assert (reply.status, reply.body, file.getvalue()) == (200, b"", BODY)


async def test_a_signed_address_is_called_with_all_that_it_says_and_never_shown() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head("403 Forbidden", 4) + b"gone")
        await writer.drain()

    query = "GoogleAccessId=a%40b.example&Expires=1&Signature=ab%2Bc%2Fd%3D%3D&response=%22x%22"
    file = BytesIO()
    async with server(answer) as (url, heads), Http() as http:
        reply = await http.download(f"{url}/file.jsonl?{query}", file)
    path = heads[0].split()[1].decode()  # yarl spells some characters otherwise, which changes no value
    assert parse_qsl(urlsplit(path).query) == parse_qsl(query)
    assert (reply.status, reply.body, file.getvalue()) == (403, b"gone", b"")
    assert "Signature" not in reply.url


async def test_a_slow_download_is_not_cut_off_and_a_silent_one_is() -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(head(length=10))
        for _ in range(10):
            await asyncio.sleep(0.25)
            writer.write(b"x")
            await writer.drain()

    async def silent(writer: asyncio.StreamWriter) -> None:
        writer.write(head(length=10) + b"x")
        await writer.drain()
        await asyncio.sleep(60)

    file = BytesIO()
    async with Http(read_seconds=2.0) as http:
        async with server(slow) as (url, _):
            assert (await http.download(url, file)).status == 200
        assert file.getvalue() == b"x" * 10
        async with server(silent) as (url, _):
            with pytest.raises(Unavailable):
                await http.download(url, BytesIO())


async def test_a_part_never_passes_for_the_whole() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head() + BODY[:1000])
        await writer.drain()

    async with server(answer) as (url, _), Http() as http:
        with pytest.raises(Unavailable, match="broke"):
            await http.download(url, BytesIO())


async def test_a_full_disk_says_what_to_do() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head() + BODY)
        await writer.drain()

    with Path("/dev/full").open("wb", buffering=0) as file:
        async with server(answer) as (url, _), Http() as http:
            with pytest.raises(Unavailable, match=r"No space left on device.*TMPDIR"):
                await http.download(url, file)
