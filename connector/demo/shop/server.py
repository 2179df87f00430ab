"""The shop's JSON API on a loopback port.

Every call carries ``Authorization: Bearer KEY``. Times are ISO 8601 in UTC, amounts JSON numbers.

- ``GET /shop``: its name, address and number of orders.
- ``GET /orders?changed_since=TIME[&changed_until=TIME][&offset=N][&limit=N]``: by id; the end is excluded.
- ``GET /orders?placed_since=TIME[&placed_until=TIME][&offset=N][&limit=N]``: by when they were placed.
- ``GET /orders/ID``: one order.

A list answers ``{"orders": […], "total": N}``; ``total`` counts all that match.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.demo.shop.shop import Shop
from connector.runtime import exact_json, listener

MOST = 100
BY: tuple[Literal["changed", "placed"], ...] = ("changed", "placed")
END = "9999-12-31T00:00:00Z"


@asynccontextmanager
async def serving(shop: Shop, key: str) -> AsyncIterator[str]:
    """Serve the shop while the block runs; gives its URL on a free port of 127.0.0.1."""
    async with listener.serving(app(shop, key), listener.bind("127.0.0.1", 0)) as server:
        yield server.url


def app(shop: Shop, key: str) -> Starlette:
    """The ASGI application of a shop."""

    def guarded(view: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or not secrets.compare_digest(given.encode(), key.encode()):
                raise HTTPException(401, "the key is missing or wrong")
            shop.on_visit()
            return _json(view(request))

        return answer

    def about(request: Request) -> Any:
        return {"name": shop.name, "address": shop.address, "orders": len(shop.orders)}

    def orders(request: Request) -> Any:
        query = request.query_params
        limit, offset = _number(query.get("limit")), _number(query.get("offset"))
        for by in BY:
            if f"{by}_since" in query:
                since, until = _time(query[f"{by}_since"]), _time(query.get(f"{by}_until", END))
                return shop.listed(by, since, until, offset or 0, min(limit or MOST, MOST))
        raise HTTPException(400, "ask for changed_since, or for placed_since")

    def order(request: Request) -> Any:
        found = shop.orders.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "there is no such order")
        return found

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _json({"error": error.detail}, error.status_code)

    routes = [
        Route("/shop", guarded(about)),
        Route("/orders", guarded(orders)),
        Route("/orders/{id:int}", guarded(order)),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: refused})


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise HTTPException(400, "a time is written like 2026-06-01T00:00:00Z") from None


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPException(400, "ids and limits are whole numbers")
    return int(text)


def _json(body: Any, status: int = 200) -> Response:
    return Response(exact_json.encode(body), status, media_type="application/json")
