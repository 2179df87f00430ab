"""Signing in to the page and out of it."""

from __future__ import annotations

import asyncio
import math
import secrets

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.web.access import Viewer, address_of, configured, matches
from connector.web.session_pages import Desk, Form, back_to, own_path

log = structlog.get_logger()


def routes(desk: Desk) -> list[BaseRoute]:
    """For browsers."""
    front, access = desk.front, desk.access
    one_at_a_time = asyncio.Lock()  # checking a password takes 16 MiB

    async def show(request: Request, viewer: Viewer, form: Form) -> Response:
        if viewer.signed_in or not configured(front.app.settings.page):
            return back_to("/")
        wanted = own_path(request.query_params.get("next", "/"))
        return desk.page(request, viewer, "sign_in.html", wanted=wanted, problem="")

    async def sign_in(request: Request, viewer: Viewer, form: Form) -> Response:
        app = front.app
        settings, address = app.settings.page, address_of(request)
        wanted = own_path(form.get("next", "/"))
        if not configured(settings):
            return back_to("/")
        if wait := access.attempts.wait(address, app.clock.steady()):
            log.warning("page.sign_in_limited", address=address)
            problem = f"Too many attempts. Try again in {math.ceil(wait / 60)} min."
            response = desk.page(request, viewer, "sign_in.html", 429, wanted=wanted, problem=problem)
            response.headers["Retry-After"] = str(math.ceil(wait))
            return response
        async with one_at_a_time:
            good = await asyncio.to_thread(matches, settings, form.get("password", ""))
        if not good:
            log.warning("page.sign_in_refused", address=address)
            problem = "That is not the password."
            return desk.page(request, viewer, "sign_in.html", 403, wanted=wanted, problem=problem)
        access.attempts.succeeded(address)
        access.end(viewer)
        signed_in = msgspec.structs.replace(viewer, nonce=secrets.token_urlsafe(16), signed_in=True)
        log.info("page.signed_in", by=signed_in.by)
        response = back_to(wanted)
        access.remember(request, response, settings, signed_in)
        return response

    async def sign_out(request: Request, viewer: Viewer, form: Form) -> Response:
        access.end(viewer)
        if viewer.signed_in:
            log.info("page.signed_out", by=viewer.by)
        return back_to("/sign-in")

    return [
        Route("/sign-in", desk.open_to_all(show)),
        Route("/sign-in", desk.open_to_all(sign_in), methods=["POST"]),
        Route("/sign-out", desk.open_to_all(sign_out), methods=["POST"]),
    ]
