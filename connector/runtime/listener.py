"""A web application on a socket of our own, inside a running event loop: front, sandbox, sample shop.

uvicorn without its signal handlers (the program has its own), and with what it lacks against slow callers: a
request's head must come whole within ``HEAD_SECONDS``, and where too many connections are open, the one that
has been waiting longest for a request is closed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from operator import itemgetter
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.model.errors import UsageError

HEAD_BYTES = 32 * 1024  # request line and headers together
HEAD_SECONDS = 10.0
IDLE_SECONDS = 15.0  # how long a connection may rest between two requests
MOST_CONNECTIONS = 250
TICK = 1.0  # seconds between two looks at the clock for the Date header

logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else each malformed request is a line of the log


def bind(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Port 0 takes a free one. Raises UsageError when it cannot be had."""
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(
            f"cannot listen on {shown(host, port)}: {error.strerror}; correct the host"
        ) from None
    # asyncio turns Nagle's algorithm off, worth 40 ms an answer, only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {shown(host, port)} ({error.strerror}); choose another port, "
            "or end what uses this one"
        ) from None
    return listener


def shown(host: str, port: int) -> str:
    """Host and port as they stand in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Server(uvicorn.Server):
    """A server that says when it is ready, leaves signals to the program and stops at once when told."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.closed = asyncio.Event()
        self._told = asyncio.Event()
        self.host, self.port = listener.getsockname()[:2]

    @property
    def url(self) -> str:
        """The address that it really listens on."""
        return f"http://{shown(self.host, self.port)}"

    @property
    def connections(self) -> set[Any]:
        """The open connections."""
        return self.server_state.connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it should stop."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 10
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.closed.set()

    async def close(self) -> None:
        """Take no more connections; wait until what is under way is answered, or its time is over."""
        self.should_exit = True
        self._told.set()
        await self.closed.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, *, grace: int = 1) -> AsyncIterator[Server]:
    """Serve ``app`` on the socket while the block runs, then close it.

    What is under way at the end gets ``grace`` seconds.
    """
    config = uvicorn.Config(
        app,
        http=_Connection,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=int(IDLE_SECONDS),
        timeout_graceful_shutdown=grace,
        proxy_headers=False,
        backlog=2048,
    )
    server = Server(config, listener)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="listener")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        yield server
    finally:
        ready.cancel()
        if not task.done():
            await server.close()
        await task


class _Connection(H11Protocol):
    """``_since`` is when it began to wait for a request (the loop's seconds); None while it has one."""

    _since: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST_CONNECTIONS:
            self._make_room()
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._since = self.loop.time()  # uvicorn's own timer ends a connection that stays idle

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        waiting = [
            (one._since, one)
            for one in self.connections
            if isinstance(one, _Connection) and one._since is not None
        ]
        if waiting:
            longest = min(waiting, key=itemgetter(0))[1]
            longest._settle()  # it stays in the set until the loop's next turn, and must not be chosen again
            longest.transport.abort()

    def _look(self) -> None:
        """A head that has begun to come must come to its end in time, however its bytes are spread."""
        if self.conn.their_state is not h11.IDLE:
            self._settle()
        elif self._deadline is None and not self.transport.is_closing():
            self._since = self.loop.time()
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _settle(self) -> None:
        self._since = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
