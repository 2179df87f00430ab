"""``python -m tests.bench.sink``: takes every order at once, checks that it is JSON, and counts.

Raw asyncio, so that on a machine with few cores it takes as little as possible from what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from asyncio import Transport
from typing import cast

REFUSED = b'{"error":{"code":"validation_error","message":"order_id"}}'
PLACED = b'{"data":{"order_id":%d,"source":"api"}}'


class Sink:
    """What came in: requests with an order, the distinct orders in them, and bodies that were none."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.requests = 0
        self.orders: set[int] = set()
        self.bad = 0

    def answer(self, request_line: bytes, body: bytes) -> bytes:
        """A whole HTTP answer."""
        if request_line.startswith(b"GET"):
            counts = {"requests": self.requests, "orders": len(self.orders), "bad": self.bad}
            return _http(b"200 OK", json.dumps(counts).encode())
        try:
            order_id = json.loads(body)["order_id"]
        except (ValueError, KeyError, TypeError):
            self.bad += 1
            return _http(b"422 Unprocessable Entity", REFUSED)
        if not order_id:  # `connector check` asks with a body that can create nothing
            return _http(b"422 Unprocessable Entity", REFUSED)
        self.requests += 1
        self.orders.add(order_id)
        return _http(b"201 Created", PLACED % order_id)


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length]
            answer = self._sink.answer(self._received[:end], body)
            self._received = self._received[end + 4 + length :]
            if self._sink.latency:
                asyncio.get_running_loop().call_later(self._sink.latency, self._transport.write, answer)
            else:
                self._transport.write(answer)


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


async def serve(latency: float) -> None:
    """Prints the address, then takes orders until it is ended."""
    sink = Sink(latency)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sink), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sink", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    asyncio.run(serve(parser.parse_args().latency))
