"""Packed bodies: read whatever their pieces are, bounded after unpacking, one coding at most."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pytest

from connector.model.errors import Unavailable
from connector.runtime.http import Http

BODY = b'{"orders":[' + b",".join(b'{"id":%d}' % number for number in range(2000)) + b"]}"
MIB = 1024**2


class Pieces(httpx.AsyncByteStream):
    def __init__(self, body: bytes, size: int) -> None:
        self.pieces = [body[at : at + size] for at in range(0, len(body), size)]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


class Answers(httpx.AsyncBaseTransport):
    def __init__(self, body: bytes, *codings: str, size: int = 16_384, status: int = 200) -> None:
        self.answer = status, [("content-encoding", coding) for coding in codings], Pieces(body, size)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        status, headers, stream = self.answer
        return httpx.Response(status, headers=headers, stream=stream)


def bare(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


async def read(answers: Answers, most: int = 32 * MIB) -> bytes:
    return (await Http(transport=answers).send("GET", "https://shop.invalid/x", max_body=most)).body


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 16_384])
@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "X-GZip"),
        (gzip.compress(BODY[:99]) + gzip.compress(b"") + gzip.compress(BODY[99:]), "gzip"),
        (gzip.compress(BODY) + b"\0" * 9, "gzip"),
        (zlib.compress(BODY), "deflate"),
        (bare(BODY), "deflate"),
        (BODY, "identity"),
        (BODY, ""),
        (gzip.compress(BODY), "identity, gzip"),
    ],
)
async def test_each_packing_is_read_however_it_is_cut(packed: bytes, coding: str, size: int) -> None:
    assert await read(Answers(packed, coding, size=size)) == BODY


async def test_a_packed_body_of_nothing_is_nothing() -> None:
    assert await read(Answers(b"", "gzip", status=304)) == b""


@pytest.mark.parametrize(
    "codings", [("gzip, gzip",), ("gzip", "gzip"), ("deflate,gzip",), ("gzip, identity, br",)]
)
async def test_a_body_that_is_packed_twice_is_refused(codings: tuple[str, ...]) -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 30 * MIB))
    with pytest.raises(Unavailable, match="packed 2 times"):
        await read(Answers(bomb, *codings))


@pytest.mark.parametrize("coding", ["br", "zstd", "compress"])
async def test_a_coding_that_nobody_asked_for_is_named(coding: str) -> None:
    with pytest.raises(Unavailable, match=f"packed as '{coding}'"):
        await read(Answers(b"abc", coding))


@pytest.mark.parametrize("packed", [gzip.compress(b"\0" * 200 * MIB), gzip.compress(b"\0" * MIB) * 200])
async def test_the_bound_is_of_what_was_unpacked_and_holds_while_it_comes(packed: bytes) -> None:
    with pytest.raises(Unavailable, match="more than 2 MiB"):
        await read(Answers(packed, "gzip"), most=2 * MIB)


async def test_packed_nothing_without_end_is_bounded_too() -> None:
    with pytest.raises(Unavailable, match="more than 1 MiB"):
        await read(Answers(gzip.compress(b"") * 100_000, "gzip"), most=MIB)


@pytest.mark.parametrize("cut", [5, 20, -1])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_packed_body_that_breaks_off_is_no_answer(coding: str, cut: int) -> None:
    packed = gzip.compress(BODY) if coding == "gzip" else zlib.compress(BODY)
    with pytest.raises(Unavailable, match="broke off"):
        await read(Answers(packed[:cut], coding))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_is_not_packed_though_it_says_so_is_refused(coding: str) -> None:
    with pytest.raises(Unavailable, match="cannot be unpacked"):
        await read(Answers(b"<html>maintenance</html>", coding))


async def test_a_download_has_the_same_bounds() -> None:
    bomb, file = Answers(gzip.compress(b"\0" * 30 * MIB), "gzip"), BytesIO()
    with pytest.raises(Unavailable, match="more than 1 MiB"):
        await Http(transport=bomb).download("https://shop.invalid/report", file, most=MIB)
    assert len(file.getvalue()) <= MIB
    with pytest.raises(Unavailable, match="packed 2 times"):
        await Http(transport=Answers(b"", "gzip, gzip")).download("https://shop.invalid/report", file)


async def test_a_download_ends_though_bytes_go_on_dripping() -> None:
    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.01)
                yield b"x"

    answers = Answers(b"")
    answers.answer = 200, [], Dripping()  # type: ignore[assignment]
    with pytest.raises(Unavailable, match=r"took longer than 0\.2 s"):
        await Http(transport=answers).download("https://shop.invalid/report", BytesIO(), deadline=0.2)
