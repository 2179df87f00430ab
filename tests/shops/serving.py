"""A stand-in's application on a socket of 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

Abort = Callable[[Scope], None]  # resets the connection by which a request came


@contextmanager
def serve(application: Callable[[Abort], ASGIApp], port: int = 0) -> Iterator[str]:
    """The application's address, while it is served by a thread of its own."""
    listener = listening(port)
    server = server_of(application)
    thread = Thread(target=server.run, args=([listener],), name="stand-in", daemon=True)
    thread.start()
    try:
        yield address(listener)
    finally:
        server.force_exit = server.should_exit = True  # a hanging request must not hold the test
        thread.join()
        listener.close()


def listening(port: int) -> socket.socket:
    """A socket that takes connections at once, also before the server looks at them."""
    return socket.create_server(("127.0.0.1", port), backlog=512)


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def server_of(application: Callable[[Abort], ASGIApp]) -> uvicorn.Server:
    """A server whose connections the application can reset."""
    transports: dict[object, asyncio.Transport] = {}

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            # Else a head waits 40 ms for its body; asyncio does this only to sockets that it made itself.
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transports[tuple(transport.get_extra_info("peername"))] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(tuple(self.transport.get_extra_info("peername")), None)
            super().connection_lost(exc)

    def abort(scope: Scope) -> None:
        transports[tuple(scope["client"])].abort()

    return uvicorn.Server(
        uvicorn.Config(
            application(abort),
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
        )
    )
