"""One web application of all parts of the front, and the guard before it.

Each part is a module with ``routes(front)``. A part never lets a fault through: what it raises becomes an
answer here, and the log says more than the answer does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.daemon.app import App
from connector.model.errors import StateError
from connector.runtime.listener import Server, bind, serving, shown
from connector.web import health, metrics, pages, push, sign_in, webhooks
from connector.web.context import Front, error
from connector.web.request_body import Bodies

log = structlog.get_logger()

LONGEST = 30.0  # seconds from a request's head to the end of its answer

# Nothing here is to be cached, framed, sniffed or told to others; a page of ours sets its own policy.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def routes(front: Front) -> list[BaseRoute]:
    """Those of every part."""
    return [
        *webhooks.routes(front),
        *push.routes(front),
        *health.routes(front),
        *metrics.routes(front),
        *pages.routes(front),
    ]


def application(front: Front) -> ASGIApp:
    """The ASGI application, for the listener."""
    handlers = {HTTPException: _refused, StateError: _unavailable, ClientDisconnect: _cut_off}
    app = Starlette(routes=routes(front), exception_handlers=handlers)
    app.state.front = front
    app.state.bodies = Bodies()
    app.router.redirect_slashes = False  # shops follow no redirect, and it would quote the caller's own Host
    return _Guard(app, front)


class OpenFront:
    """A front that listens, as the daemon uses it. ``tell`` takes the address at which the page opens."""

    def __init__(self, front: Front, server: Server, tell: Callable[[str], None]) -> None:
        self._front = front
        self._server = server
        self._tell = tell
        self._told = ""
        self._tell_link()

    @property
    def url(self) -> str:
        """The address that it really listens on."""
        return self._server.url

    def use(self, app: App) -> None:
        """Answer from this App from now on."""
        self._front.app = app
        self._tell_link()

    def _tell_link(self) -> None:
        """At the start, and when a reload took the password away, or brought one."""
        host, port = self._server.host, self._server.port
        here = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 (said, not bound)
        token = self._front.access.token_of_this_start(self._front.app.settings.page)
        link = f"http://{shown(here, port)}" + (f"{sign_in.PATH}?token={token}" if token else "/")
        if link != self._told:
            self._told = link
            self._tell(link)

    async def close(self) -> None:
        """Take no more requests; wait until what is under way is answered, or its time is over."""
        await self._server.close()


@asynccontextmanager
async def open_front(app: App, tell: Callable[[str], None] = lambda link: None) -> AsyncIterator[OpenFront]:
    """Listen where the configuration says while the block runs. Raises UsageError when that cannot be had.

    ``tell`` takes the link that opens the page: a secret where no password is configured.
    """
    front = Front(app)
    with bind(*app.settings.address) as socket:
        async with serving(application(front), socket) as server:
            yield OpenFront(front, server, tell)


class _Guard:
    """Headers on every answer, an end to every request, and an answer to every fault."""

    def __init__(self, app: ASGIApp, front: Front) -> None:
        self._app = app
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        try:
            async with asyncio.timeout(LONGEST):
                await self._app(scope, receive, send_guarded)
            return
        except TimeoutError:
            answer = error(request, 408, "the request took too long", {"Connection": "close"})
        except asyncio.CancelledError:
            answer = error(request, 503, "the connector stops", {"Connection": "close"})
        except Exception as fault:
            # Only the first part of the path is ours; the rest may hold anything that the caller chose.
            part = scope["path"].strip("/").partition("/")[0][:20]
            held = _due(self._front, f"front.fault {part} {type(fault).__name__}")
            if held is not None:
                log.exception("front.fault", method=scope["method"], part=part, held_back=held)
            answer = error(request, 500, "this should not have happened; the log says more")
        if not started:  # an answer that had begun cannot become another one: the server cuts it short
            await answer(scope, receive, send_guarded)


async def _refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    if fault.status_code == 405 and request.method == "OPTIONS" and request.url.path.startswith("/webhooks/"):
        return Response(status_code=204, headers=fault.headers)
    message = fault.detail
    if message == HTTPStatus(fault.status_code).phrase:
        said = {404: "there is nothing here", 405: f"{request.method} is not possible here"}
        message = said.get(fault.status_code, message)
    return error(request, fault.status_code, message, fault.headers)


async def _unavailable(request: Request, fault: Exception) -> Response:
    """The database cannot take or give anything now: whoever asked may ask again."""
    held = _due(request.app.state.front, f"front.database_fault {fault}")
    if held is not None:
        log.error("front.database_fault", error=str(fault), held_back=held)
    return error(request, 503, "the database does not answer now; try again later", {"Retry-After": "30"})


async def _cut_off(request: Request, fault: Exception) -> Response:
    return error(request, 400, "the request was cut off", {"Connection": "close"})


def _due(front: Front, thing: str) -> int | None:
    return front.throttle.due(thing, front.app.clock.steady())
