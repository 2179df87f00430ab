"""Bodies as they are meant, bounded after unpacking: at most one content coding, gzip or deflate."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from connector.model.errors import Unavailable

STEP = 1024 * 1024  # bytes that are unpacked at once, however small what they came from
_GZIP = {"gzip", "x-gzip"}
_MAGIC = b"\x1f\x8b"
_AUTO, _RAW = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS


async def plain(response: httpx.Response, place: str, most: int) -> AsyncIterator[bytes]:
    """The body in pieces, no more than ``most`` bytes of it, packed or not.

    Raises Unavailable for more, for two codings on top of each other (a few bytes can hold gigabytes so), for
    a coding that was not asked for, and for a body that ends in the middle.
    """
    assert isinstance(response.stream, httpx.AsyncByteStream)
    coding = _coding(response, place)
    size = came = 0
    unpacker = _Unpacker(place, coding) if coding else None
    async for chunk in response.stream:
        came += len(chunk)
        for piece in unpacker.pieces(chunk) if unpacker else (chunk,):
            size += len(piece)
            if max(size, came) > most:
                raise Unavailable(
                    f"{place} answered with more than {_amount(most)}", maybe_done=True, heavy=True
                )
            yield piece
        if came > most:
            raise Unavailable(f"{place} answered with more than {_amount(most)}", maybe_done=True, heavy=True)
    if unpacker and came and (last := unpacker.end()):
        yield last


def _coding(response: httpx.Response, place: str) -> str:
    """The one coding of the body, empty for none."""
    if "content-encoding" not in response.headers:
        return ""
    said = response.headers.get("content-encoding", "").lower().split(",")
    codings = [one.strip() for one in said if one.strip() not in ("", "identity")]
    if len(codings) > 1:
        raise Unavailable(
            f"{place} answered with a body that is packed {len(codings)} times ({', '.join(codings)[:60]}); "
            "one packing is read",
            maybe_done=True,
        )
    if codings and codings[0] not in _GZIP | {"deflate"}:
        raise Unavailable(
            f"{place} answered with a body packed as {codings[0][:20]!r}, which was not asked for; gzip and "
            "deflate are read",
            maybe_done=True,
        )
    return codings[0] if codings else ""


class _Unpacker:
    """Unpacks gzip, zlib and bare deflate, a step at a time; several gzip members follow each other."""

    def __init__(self, place: str, coding: str) -> None:
        self._place = place
        self._inner = zlib.decompressobj(_AUTO)
        self._bare = coding == "deflate"  # some servers mean by it the format without zlib's head
        self._head = b""  # what came before anything could be unpacked
        self._held = b""  # the first half of what may be the head of a further gzip member
        self._over = False

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What a chunk unpacks to; no more is unpacked than is taken."""
        packed, self._held = self._held + packed, b""
        while packed and not self._over:
            piece, packed = self._step(packed)
            if piece:
                yield piece

    def end(self) -> bytes:
        """The last bytes. Raises Unavailable when the packed body ended in the middle."""
        last = self._inner.flush()
        if not self._inner.eof:
            raise Unavailable(f"{self._place} broke off in the middle of its answer", maybe_done=True)
        return last

    def _step(self, packed: bytes) -> tuple[bytes, bytes]:
        """At most ``STEP`` bytes, and what is left to unpack."""
        if self._inner.eof:
            if packed == _MAGIC[:1]:
                self._held = packed
                return b"", b""
            if not packed.startswith(_MAGIC):
                self._over = True  # what follows the end is padding
                return b"", b""
            self._inner = zlib.decompressobj(_AUTO)
        try:
            piece = self._inner.decompress(packed, STEP)
        except zlib.error:
            piece = self._without_head(self._head + packed)
        if piece or self._inner.eof:
            self._bare, self._head = False, b""
        elif self._bare:
            self._head += packed
        return piece, self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail

    def _without_head(self, packed: bytes) -> bytes:
        try:
            if self._bare:
                self._bare, self._inner = False, zlib.decompressobj(_RAW)
                return self._inner.decompress(packed, STEP)
        except zlib.error:
            pass
        raise Unavailable(f"{self._place} answered with a body that cannot be unpacked", maybe_done=True)


def _amount(size: int) -> str:
    return f"{size // 1024**2} MiB" if size >= 1024**2 else f"{size} bytes"
