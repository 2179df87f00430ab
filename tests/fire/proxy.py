"""A faulty proxy on real sockets, before the sandbox or a shop: it keeps what arrived and what came of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.fire.weather import CALM, STALE, Forecast, Weather

HTML = b"<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1>"


class Arrival(msgspec.Struct, kw_only=True):
    """One request, as it arrived.

    ``at`` is in unix seconds. ``fault`` is what it met; ``status`` is what the stand-in behind answered, None
    when the request did not reach it; ``order_id`` and ``initial_sync`` are the body's.
    """

    at: float
    path: str
    body: bytes
    order_id: int | None = None
    initial_sync: bool | None = None
    fault: str = ""
    status: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the stand-in took it, whatever the caller was told."""
        return self.status in (200, 201)


class Proxy:
    """Plays a weather; give it another at any time. ``arrivals`` are all requests since the start."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port
        self._forecast = Forecast(CALM)
        self._earlier: dict[str, list[bytes]] = {}
        self._open: set[asyncio.Task[None]] = set()
        self.arrivals: list[Arrival] = []

    def set(self, weather: Weather) -> None:
        """Begin another script."""
        self._forecast = Forecast(weather)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: one request, one answer, good or bad."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            length = _header(head, b"content-length")
            arrival = Arrival(at=time.time(), path=path, body=await reader.readexactly(int(length or b"0")))
            _learn(arrival)
            arrival.fault = self._forecast.next(path, arrival.order_id)
            self.arrivals.append(arrival)
            await asyncio.sleep(0)  # the loop may have slept: what else has come is read now
            if not reader.at_eof():  # else the caller gave up long ago, and may be asking again
                await self._answer(arrival, head, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the caller is gone
        except asyncio.CancelledError:
            writer.transport.abort()  # nobody may be there to read the rest
            raise
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def abort(self) -> None:
        """Drop every connection, on both sides."""
        serving = [*self._open]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _answer(self, arrival: Arrival, head: bytes, writer: asyncio.StreamWriter) -> None:
        fault, seconds = arrival.fault, self._forecast.weather.seconds
        if fault == "reset":
            writer.transport.abort()
        elif fault == "hang":
            await asyncio.sleep(seconds)
        elif fault in _SAID:
            writer.write(_SAID[fault])
            await writer.drain()
        elif fault == STALE and self._earlier.get(_shape(arrival.path)):
            writer.write(self._earlier[_shape(arrival.path)][0])
            await writer.drain()
        else:
            answer = await self._forwarded(arrival, head)
            if fault == "reset-after":
                writer.transport.abort()
            elif fault == "hang-after":
                await asyncio.sleep(seconds)
            elif fault == "cut":
                begin = answer.index(b"\r\n\r\n") + 4
                writer.write(answer[: (begin + len(answer)) // 2])
                await writer.drain()
            elif fault == "drip":
                step = max(1, len(answer) // 50)
                for start in range(0, len(answer), step):
                    writer.write(answer[start : start + step])
                    await writer.drain()
                    await asyncio.sleep(seconds / 50)
            else:
                writer.write(answer)
                await writer.drain()

    async def _forwarded(self, arrival: Arrival, head: bytes) -> bytes:
        """The true answer, as bytes; ``arrival`` learns its status."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        first, *lines = head[:-4].split(b"\r\n")
        lines = [line for line in lines if not line.lower().startswith((b"connection:", b"accept-encoding:"))]
        try:
            writer.write(b"\r\n".join([first, *lines, b"Connection: close", b"", arrival.body]))
            answer = await reader.read()
        finally:
            writer.transport.abort()  # all is said
        if not answer:
            raise ConnectionError("no answer")
        arrival.status = int(answer.split(b" ", 2)[1])
        if arrival.status == 200:
            earlier = self._earlier.setdefault(_shape(arrival.path), [])
            earlier.append(answer)
            del earlier[:-3]
        return answer


@asynccontextmanager
async def before(target: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before this address, and its own address."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=512)
    try:
        yield proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await proxy.abort()
        await server.wait_closed()


def _said(status: str, body: bytes, *headers: bytes) -> bytes:
    kind = b"text/html" if body.startswith(b"<") else b"application/json"
    lines = [b"HTTP/1.1 " + status.encode(), b"Content-Type: " + kind, *headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"Connection: close", b"", body])


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


_SAID = {
    "500": _said("500 Internal Server Error", _error("server_error", "It broke.")),
    "502": _said("502 Bad Gateway", HTML),
    "html": _said("200 OK", HTML),
    "empty": _said("200 OK", b""),
    "rubbish": _said("200 OK", b'{"data": {"hello": "world"}, "orders": 17}'),
    "mixed-up": _said("200 OK", b'{"data": {"order_id": 999999999, "source": "api"}}'),
    "redirect": _said("307 Temporary Redirect", b"", b"Location: http://elsewhere.invalid/v1/orders/placed"),
    "429": _said("429 Too Many Requests", _error("rate_limited", "Slow down."), b"Retry-After: 1"),
    "429-bare": _said("429 Too Many Requests", _error("rate_limited", "Slow down.")),
    "401": _said("401 Unauthorized", _error("unauthorized", "The token is revoked.")),
    "422": _said("422 Unprocessable Entity", _error("validation_failed", "The order is not valid.")),
}


def _learn(arrival: Arrival) -> None:
    if not arrival.body.startswith(b"{"):
        return
    said = json.loads(arrival.body)
    arrival.order_id, arrival.initial_sync = said.get("order_id"), said.get("initial_sync")


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name + b":"):
            return line.partition(b":")[2].strip()
    return None


def _shape(path: str) -> str:
    """The question without its bounds of time: what a careless cache takes for the same."""
    parts = urlsplit(path)
    query = parse_qs(parts.query)
    told = [said for name in ("status", "orderby", "order") for said in query.get(name, [])]
    return " ".join([parts.path, *told])
