"""What spoils a stand-in's answers, ahead of its own application, and such a stand-in for the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Spoiler:
    """``fault`` is the fault that every request meets: one of ``faults``, or one of these two by name.

    ``reset connection`` and ``silence``. ``before_request`` is called ahead of each request.
    """

    def __init__(self, application: ASGIApp, faults: Mapping[str, Response]) -> None:
        self.fault = ""
        self.broken = b""  # an answer that would hold this is a fault of the server
        self.before_request: Callable[[], None] = lambda: None
        self._application = application
        self._faults = faults
        self._abort: Callable[[Scope], None] = lambda scope: None

    def of(self, abort: Callable[[Scope], None]) -> ASGIApp:
        """The application for ``serve``. ``abort`` resets the connection by which a request came."""
        self._abort = abort
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.before_request()
        if self.fault in self._faults:
            await self._faults[self.fault](scope, receive, send)
        elif self.fault == "reset connection":
            self._abort(scope)
        elif self.fault == "silence":
            await asyncio.Event().wait()
        elif self.broken:
            fault = self._faults["fault of the server"]
            application = unless_broken(self._application, lambda body: self.broken in body, fault)
            await application(scope, receive, send)
        else:
            await self._application(scope, receive, send)


def unless_broken(application: ASGIApp, broken: Callable[[bytes], bool], fault: Response) -> ASGIApp:
    """Answers with ``fault`` where the body of the application's answer is ``broken``."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await application(scope, receive, keep)
        if broken(b"".join(message.get("body", b"") for message in messages)):
            await fault(scope, receive, send)
            return
        for message in messages:
            await send(message)

    return answer


class Shop(Protocol):
    """``orders`` by their ids."""

    @property
    def orders(self) -> dict[str, Any]: ...


S = TypeVar("S", bound=Shop)


class SpoiledStandIn(Generic[S]):
    """The part of ``connector.sdk.testing.StandIn`` that is the same for every shop behind a Spoiler."""

    def __init__(self, shop: S, url: str, credentials: Mapping[str, Any], spoiler: Spoiler) -> None:
        self.shop = shop
        self.url = url
        self.credentials = credentials
        self._spoiler = spoiler

    def remove(self, ref: str) -> None:
        """Deletes an order for good."""
        del self.shop.orders[ref]

    def before_request(self, act: Callable[[], None]) -> None:
        """Calls ``act`` ahead of each request."""
        self._spoiler.before_request = act

    def fail(self, fault: str) -> None:
        """From now on every request meets this fault."""
        self._spoiler.fault = fault
