"""Faults on request: what a network, a proxy or Privy itself can do to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

Kind = Literal["status", "html", "redirect", "hang", "reset", "drip", "cut"]

HTML = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to the next ``count`` requests (None: to all from now on), after the limits had their say.

    ``status`` answers an error of that status, ``html`` a page with 200, ``redirect`` a 307 to ``location``;
    ``hang`` never answers, ``reset`` breaks the connection without a byte; with ``stored`` the order is
    stored first all the same. ``drip`` spreads Privy's true answer over ``seconds``, ``cut`` breaks the
    connection in the middle of it; the order is stored. With ``order_ids`` only these orders are hit.
    ``path`` is the call that is hit, ``/oauth/token`` too.
    """

    kind: Kind
    count: int | None = 1
    stored: bool = False
    status: int = 500
    location: str = "/v1/orders/moved"
    seconds: float = 1.0
    retry_after: int | None = None
    order_ids: frozenset[int] | None = None
    path: str = "/v1/orders/placed"

    @property
    def answers(self) -> bool:
        """Whether the caller gets any answer."""
        return self.kind not in ("hang", "reset")

    @property
    def processes(self) -> bool:
        """Whether the call is carried out before the fault shows."""
        return self.stored or self.kind in ("drip", "cut")


class Script:
    """The faults still to come, the first that fits is taken."""

    def __init__(self) -> None:
        self._left: list[tuple[Fault, int | None]] = []
        self.released = asyncio.Event()

    def add(self, faults: Iterable[Fault]) -> None:
        """Play these after the ones that wait already."""
        self._left.extend((fault, fault.count) for fault in faults)

    def clear(self) -> None:
        """Play none."""
        self._left.clear()

    def take(self, path: str, order_id: int | None) -> Fault | None:
        """The fault for this request, if any."""
        for index, (fault, left) in enumerate(self._left):
            if fault.path != path or (fault.order_ids is not None and order_id not in fault.order_ids):
                continue
            if left is not None:
                self._left[index] = (fault, left - 1)
                if left <= 1:
                    del self._left[index]
            return fault
        return None


class Broken(Response):
    """An answer spoilt by ``hang``, ``reset``, ``drip`` or ``cut``.

    ``connections`` are the server's open connections; the one of this request is dropped.
    """

    def __init__(
        self, fault: Fault, answer: Response, connections: Iterable[Any], released: asyncio.Event
    ) -> None:
        super().__init__()
        self.fault = fault
        self.answer = answer
        self.connections = connections
        self.released = released

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send as much of the answer as the fault lets through; then all but ``drip`` drop the connection."""
        body = bytes(self.answer.body)
        start: Message = {
            "type": "http.response.start",
            "status": self.answer.status_code,
            "headers": self.answer.raw_headers,
        }
        if self.fault.kind == "drip":
            await send(start)
            for byte in body:
                await send({"type": "http.response.body", "body": bytes((byte,)), "more_body": True})
                await asyncio.sleep(self.fault.seconds / len(body))
            await send({"type": "http.response.body", "body": b""})
            return
        if self.fault.kind == "hang":
            await self._until_gone(receive)
        elif self.fault.kind == "cut":
            await send(start)
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        for connection in self.connections:
            if connection.client == scope["client"]:
                if self.fault.kind == "cut":
                    connection.transport.close()
                else:
                    connection.transport.abort()
        await receive()

    async def _until_gone(self, receive: Receive) -> None:
        """Wait until the caller gives up or the sandbox stops."""
        waits = [asyncio.ensure_future(receive()), asyncio.ensure_future(self.released.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
