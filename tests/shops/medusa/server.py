"""The reading part of Medusa's Admin API. Rules seen on Medusa 2.21.2:

- without ``fields`` a row of a list has no e-mail, currency or addresses; ``status``, ``items`` and the two
  computed statuses are always there;
- parameters of orders that it does not know are ignored, with status 200;
- ``order`` may name a column of a relation; one that does not exist is a 500;
- drafts are not listed, but fetched.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import format_datetime
from operator import ge, gt, le, lt
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.shops.medusa.shop import Shop

KEY = "sk_test_of_the_stand_in"
STORE = "store_01STANDIN"
ALWAYS = ("id", "status", "version", "items", "payment_status", "fulfillment_status")
DEFAULT = (*ALWAYS, "display_id", "summary", "total", "metadata", "created_at", "updated_at")

_OPERATORS = {"gte": ge, "gt": gt, "lte": le, "lt": lt}
_FILTER = re.compile(r"(created_at|updated_at)\[\$(gte|gt|lte|lt)\]")
_ID = re.compile(r"id(\[\d*\])?")


def app(shop: Shop) -> Starlette:
    """The server's application."""

    def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            scheme, _, code = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "basic" or b64decode(code).decode() != f"{KEY}:":
                return JSONResponse({"message": "Unauthorized"}, 401)
            response = answer(request)
            response.headers["date"] = format_datetime(shop.now(), usegmt=True)
            return response

        return endpoint

    def orders(request: Request) -> Response:
        rows = [order for order in shop.orders.values() if order["status"] != "draft"]
        return _list(request, "orders", rows)

    def order(request: Request) -> Response:
        ref = request.path_params["ref"]
        if ref not in shop.orders:
            return JSONResponse({"type": "not_found", "message": f"Order id not found: {ref}"}, 404)
        return JSONResponse({"order": _chosen(request, shop.orders[ref])})

    def payments(request: Request) -> Response:
        return _list(request, "payments", shop.payments())

    def stores(request: Request) -> Response:
        return _list(
            request, "stores", [{"id": STORE, "name": "Stand-in", "created_at": "2026-01-01T00:00:00.000Z"}]
        )

    return Starlette(
        routes=[
            Route("/admin/orders", guarded(orders)),
            Route("/admin/orders/{ref}", guarded(order)),
            Route("/admin/payments", guarded(payments)),
            Route("/admin/stores", guarded(stores)),
        ]
    )


def _list(request: Request, kind: str, rows: list[dict[str, Any]]) -> Response:
    ids = {value for name, value in request.query_params.multi_items() if _ID.fullmatch(name)}
    found = [row for row in rows if not ids or row["id"] in ids]
    for name, value in request.query_params.multi_items():
        match = _FILTER.fullmatch(name)
        if match:
            compare, bound = _OPERATORS[match[2]], datetime.fromisoformat(value)
            found = [row for row in found if compare(datetime.fromisoformat(row[match[1]]), bound)]
    order = request.query_params.get("order", "")
    try:
        found.sort(key=lambda row: _value(row, order.removeprefix("-")), reverse=order.startswith("-"))
    except KeyError:
        return JSONResponse({"type": "unknown_error", "message": "An unknown error occurred."}, 500)
    limit, offset = (
        int(request.query_params.get(name, default)) for name, default in (("limit", 15), ("offset", 0))
    )
    page = [_chosen(request, row) if kind == "orders" else row for row in found[offset : offset + limit]]
    return JSONResponse({kind: page, "count": len(found), "offset": offset, "limit": limit})


def _value(row: dict[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split(".") if path else ():
        value = value[name]
    return value if path else 0


def _chosen(request: Request, order: dict[str, Any]) -> dict[str, Any]:
    """Top-level fields only; the parts of relations all come."""
    asked = request.query_params.get("fields")
    names = {name.strip().lstrip("*+").split(".")[0] for name in asked.split(",")} if asked else set(DEFAULT)
    return {name: value for name, value in order.items() if name in names or name in ALWAYS}
