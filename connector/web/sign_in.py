"""Signing in to the page and out of it."""

from __future__ import annotations

import asyncio
import math
import secrets
from datetime import timedelta

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.state import ended_sessions
from connector.web.access import SESSION_SECONDS, Viewer, configured, is_password
from connector.web.origin import Origin, origin
from connector.web.session_pages import Desk, Form, back_to, own_path

log = structlog.get_logger()

PATH = "/sign-in"
OLD_LINK = (
    "That link does not open the page, or not any more: it holds until the connector starts again. The "
    "newest one is where connector run prints, or in the journal of its service."
)
UNNAMED = (
    " Whoever comes through the same web server counts with you, for page.trusted_proxies does not name it."
)


def routes(desk: Desk) -> list[BaseRoute]:
    """For browsers."""
    front, access = desk.front, desk.access
    one_at_a_time = asyncio.Lock()  # checking a password takes 16 MiB

    def complain(event: str, where: Origin) -> None:
        held = front.throttle.due(f"{event} {where.key}", front.app.clock.steady())
        if held is not None:
            log.warning(event, address=str(where), held_back=held)

    def signed_in(request: Request, viewer: Viewer, wanted: str) -> Response:
        session = msgspec.structs.replace(viewer, nonce=secrets.token_urlsafe(16), signed_in=True)
        log.info("page.signed_in", by=session.by)
        response = back_to(wanted)
        access.remember(request, response, front.app.settings.page, session)
        return response

    def again(request: Request, viewer: Viewer, status: int, wanted: str, problem: str) -> Response:
        return desk.page(request, viewer, "sign_in.html", status, wanted=wanted, problem=problem)

    async def show(request: Request, viewer: Viewer, form: Form) -> Response:
        """The form; with this start's token in the address the page itself."""
        wanted = own_path(request.query_params.get("next", "/"))
        if viewer.signed_in:
            return back_to("/")
        given = request.query_params.get("token")
        if given is None:
            return again(request, viewer, 200, wanted, "")
        settings = front.app.settings.page
        if not configured(settings) and access.is_token(settings, given):
            return signed_in(request, viewer, wanted)
        return again(request, viewer, 403, wanted, OLD_LINK)

    async def sign_in(request: Request, viewer: Viewer, form: Form) -> Response:
        settings, given = front.app.settings.page, form.get("password", "")
        where = origin(request, settings.trusted_proxies)
        wanted = own_path(form.get("next", "/"))
        if access.is_token(settings, given):
            return signed_in(request, viewer, wanted)
        if wait := access.attempts.wait(where.key, front.app.clock.steady()):
            complain("page.sign_in_limited", where)
            problem = f"Too many attempts. Try again in {math.ceil(wait / 60)} min."
            response = again(request, viewer, 429, wanted, problem + UNNAMED * where.unnamed)
            response.headers["Retry-After"] = str(math.ceil(wait))
            return response
        async with one_at_a_time:
            good = await asyncio.to_thread(is_password, settings, given)
        if not good:
            complain("page.sign_in_refused", where)
            word = "password" if configured(settings) else "token"
            return again(request, viewer, 403, wanted, f"That is not the {word}.")
        access.attempts.succeeded(where.key)
        return signed_in(request, viewer, wanted)

    async def sign_out(request: Request, viewer: Viewer, form: Form) -> Response:
        if viewer.signed_in:
            now = front.app.clock.now()
            until = now + timedelta(seconds=SESSION_SECONDS)
            await front.app.db.run(ended_sessions.end, viewer.digest, until=until, now=now)
            log.info("page.signed_out", by=viewer.by)
        return back_to(PATH)

    return [
        Route(PATH, desk.open_to_all(show)),
        Route(PATH, desk.open_to_all(sign_in), methods=["POST"]),
        Route("/sign-out", desk.open_to_all(sign_out), methods=["POST"]),
    ]
