"""What spoils a stand-in's answers, ahead of its own application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Spoiler:
    """``fault`` is the fault that every request meets: one of ``faults``, or one of these two by name.

    ``reset connection`` and ``silence``. ``before_request`` is called ahead of each request.
    """

    def __init__(self, application: ASGIApp, faults: Mapping[str, Response]) -> None:
        self.fault = ""
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
        else:
            await self._application(scope, receive, send)
