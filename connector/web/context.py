"""What every part of the front shares."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from connector.daemon.app import App
from connector.runtime import exact_json
from connector.runtime.throttle import Throttle
from connector.web.access import Access


class Front:
    """``app`` is the App of the present configuration; a reload puts another there.

    Routes ask for it anew after each wait, for the earlier one closes its database. ``access`` says who may
    look; ``throttle`` keeps what strangers can set off from filling the log.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.access = Access()
        self.throttle = Throttle()


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(exact_json.encode(value), status, headers, "application/json")


def error(request: Request, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error in words: a plain page for a browser, JSON for everything else."""
    if "text/html" not in request.headers.get("accept", ""):
        return answer({"error": message}, status, headers)
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><p>{escape(message)}</p>"
    return Response(page, status, headers, "text/html")
