"""A web application on a socket of our own, inside a running event loop: front, sandbox, sample shop.

uvicorn without its signal handlers (the program has its own), and with what it lacks against slow callers: a
request's head and body must come whole, and its answer be taken, within seconds; and where too many
connections are open, or too many of one peer wait, the one that has been waiting longest is closed.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.model.errors import UsageError
from connector.runtime.throttle import ThrottleFilter

HEAD_BYTES = 32 * 1024  # request line and headers together
HEAD_SECONDS = 10.0
IDLE_SECONDS = 15.0  # how long a connection may rest between two requests
BODY_SECONDS = 40.0  # whoever serves the request gives up earlier, with an answer
READING_SECONDS = 30.0  # in which a peer must take something of an answer
LINGER_SECONDS = 5.0  # for the last bytes of a connection that is closed
MOST_CONNECTIONS, FEWEST_CONNECTIONS = 250, 16
PART_OF_ONE_PEER = 0.6  # of the connections may wait for one peer; a reverse proxy is one
TICK = 1.0  # seconds between two looks at the clock for the Date header

ACCEPTED = (
    8  # connections a turn of the loop; asyncio logs as many failures to take one, and tries each again
)
BACKLOG = 2048

logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else each malformed request is a line of the log
for _name in ("uvicorn.error", "asyncio"):
    logging.getLogger(_name).addFilter(ThrottleFilter())  # peers, and a lack of descriptors, set these off


def bind(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Port 0 takes a free one. Raises UsageError when it cannot be had."""
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:  # the latter for a name that no host can have
        why = getattr(error, "strerror", "") or "that is no name of a host"
        raise UsageError(f"cannot listen on {shown(host, port)[:100]}: {why}; correct the host") from None
    # asyncio turns Nagle's algorithm off, worth 40 ms an answer, only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
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
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio has set its own, which is how many it takes in a turn
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
        backlog=ACCEPTED,
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
    """``_since`` is when it began to wait for its peer (the loop's seconds), to send or to take something;
    None while the wait is for us. ``_stage`` says for what."""

    _stage = ""
    _since: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> str:
        """Whose connection it is; of IPv6 the network, since whoever has one address there has many."""
        host = self.client[0] if self.client else ""
        return ":".join(host.split(":")[:4]) if ":" in host else host

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()
        if not self._make_room():
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._stage != "reading":
            self._rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for("reading", READING_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._rest()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        """Close the connection that has waited longest of whoever has most; whether there is room now.

        So one peer's unfinished requests end before anybody else's, and a new connection is let in as long
        as any other only waits.
        """
        waiting: dict[str, list[_Connection]] = defaultdict(list)
        for one in self.connections:
            if isinstance(one, _Connection) and one._since is not None and one is not self:
                waiting[one.peer].append(one)
        most = _most()
        if len(waiting[self.peer]) >= most * PART_OF_ONE_PEER:
            crowd = waiting[self.peer]
        elif len(self.connections) > most:
            crowd = max(waiting.values(), key=len)
        else:
            return True
        if not crowd:  # all work for somebody; each comes to its end by itself
            return len(self.connections) <= 2 * most
        longest = min(crowd, key=lambda one: one._since or 0.0)
        longest._settle()  # it stays in the set until the loop's next turn, and must not be chosen again
        longest.transport.abort()
        return True

    def _rest(self) -> None:
        """Between two requests uvicorn's own timer ends a connection that stays idle."""
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait_for("rest", None)
        else:
            self._look()

    def _look(self) -> None:
        """A head and a body that have begun to come must come to their end, however their bytes are spread;
        what was said must be taken."""
        state = self.conn.their_state
        if self.transport.is_closing():
            self._wait_for("end", LINGER_SECONDS)
        elif state is h11.IDLE:
            self._wait_for("head", HEAD_SECONDS)
        elif state is h11.SEND_BODY:
            self._wait_for("body", BODY_SECONDS)
        else:
            self._settle()

    def _wait_for(self, stage: str, seconds: float | None) -> None:
        if stage == self._stage:
            return
        self._settle()
        self._stage, self._since = stage, self.loop.time()
        if seconds is not None:
            self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _settle(self) -> None:
        self._stage, self._since = "", None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _most() -> int:
    """How many connections there may be; fewer where the process may open few files, for others need some."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, soft // 3))
