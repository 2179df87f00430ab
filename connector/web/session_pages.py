"""What all pages share: who is let in, forms that are ours, and the frame around what is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from connector.model.errors import UsageError
from connector.state import ended_sessions
from connector.web import html
from connector.web.access import MOST_KEPT, Viewer, configured, cookie_name, nobody
from connector.web.context import Front
from connector.web.request_body import whole_body

FORM_BYTES = 8 * 1024
FORM_FIELDS = 20

FOREIGN = (
    "That form was out of date, or came from elsewhere. Go back, reload the page and try again. "
    "A web server in between must pass the Host header on."
)

Form = Mapping[str, str]
Handler = Callable[[Request, Viewer, Form], Awaitable[Response]]


class Desk:
    """``notices`` are sentences for a session's next page."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.access = front.access
        self._notices: dict[str, str] = {}

    def open_to_viewers(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route for whoever may look. Who has to sign in is sent to do that, and comes back."""

        async def inner(request: Request, viewer: Viewer, form: Form) -> Response:
            if not viewer.signed_in:
                return _to_sign_in(request)
            return await handler(request, viewer, form)

        return self.open_to_all(inner)

    def open_to_all(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A route that can be had before signing in. Refuses others' forms."""

        async def route(request: Request) -> Response:
            if _followed_a_link_from_elsewhere(request):
                return html.page("again.html")
            form = await _form(request) if request.method == "POST" else {}
            viewer = await self.viewer(request)
            settings = self.front.app.settings.page
            given = form.get("form", "")
            if request.method == "POST" and not self.access.is_own_form(request, settings, viewer, given):
                return self.message(request, viewer, 403, FOREIGN)
            try:
                response = await handler(request, viewer, form)
            except UsageError as fault:
                response = self.message(request, viewer, 404, str(fault))
            if viewer.fresh and "set-cookie" not in response.headers:
                self.access.remember(request, response, settings, viewer)
            return response

        return route

    async def viewer(self, request: Request) -> Viewer:
        """Who looks; a session that was signed out is nobody's. Raises StateError."""
        app = self.front.app
        viewer = self.access.viewer(request, app.settings.page)
        if viewer.signed_in and await app.db.read(ended_sessions.has_ended, viewer.digest):
            return nobody(viewer.by)
        return viewer

    def notice(self, viewer: Viewer, sentence: str) -> None:
        """Say something on the session's next page."""
        if len(self._notices) >= MOST_KEPT:
            self._notices.clear()
        self._notices[viewer.nonce] = sentence

    def page(
        self, request: Request, viewer: Viewer, template: str, status: int = 200, **values: Any
    ) -> Response:
        """A page in its frame."""
        settings = self.front.app.settings
        return html.page(
            template,
            status,
            viewer=viewer,
            configured=configured(settings.page),
            form_token=self.access.form_token(settings.page, viewer),
            here=request.url.path,
            notice=self._notices.pop(viewer.nonce, ""),
            **values,
        )

    def message(self, request: Request, viewer: Viewer, status: int, sentence: str) -> Response:
        """A page that says one thing."""
        return self.page(request, viewer, "said.html", status, message=sentence)


def own_path(path: str) -> str:
    """The path if it is one of ours, else the overview: nobody is sent elsewhere after signing in."""
    ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if ours else "/"


def back_to(path: str) -> Response:
    """After a form: the page that shows what became of it."""
    return RedirectResponse(own_path(path), 303)


def _followed_a_link_from_elsewhere(request: Request) -> bool:
    """Browsers then leave out a strict cookie, as if nobody had signed in; a page of ours that goes on to the
    same address brings it."""
    site = request.headers.get("sec-fetch-site")
    return request.method == "GET" and site == "cross-site" and cookie_name(request) not in request.cookies


def _to_sign_in(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": "/sign-in"})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = wanted if request.method in ("GET", "HEAD") else "/"
    return RedirectResponse(f"/sign-in?next={quote(there, safe='/')}", 303)


async def _form(request: Request) -> Form:
    body = await whole_body(request, FORM_BYTES)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="replace")
        )
    except ValueError:
        raise HTTPException(400, "this is no form of ours") from None
