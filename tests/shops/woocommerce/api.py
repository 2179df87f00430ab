"""The REST API of the stand-in as an ASGI application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.shops.woocommerce.access import authenticate
from tests.shops.woocommerce.dates import bound
from tests.shops.woocommerce.hooks import is_deliverable
from tests.shops.woocommerce.shop import CONTROLS, Refused, Row, Shop

WARNING = (
    b'<br />\n<b>Warning</b>:  Undefined array key "items[0]" in '
    b"<b>/var/www/html/wp-content/plugins/x.php</b> on line <b>3</b><br />\n"
)
COMMENT = (
    b"\n<!-- Performance optimized by X. cached: [{}] -->\n<br />\n<b>Notice</b>:  Undefined [offset] {0} in "
    b"<b>/var/www/html/wp-content/plugins/y.php</b> on line <b>7</b>\n"
)
_PAGES = {
    "500-html": (500, "<title>WordPress &rsaquo; Error</title><p>There has been a critical error.</p>"),
    "504": (504, "<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"),
    "403": (403, "<html><head><title>Access denied</title></head><body>Ray ID 1</body></html>"),
    "html": (200, "<!DOCTYPE html><html><head><title>Coming soon</title></head><body></body></html>"),
    "empty": (200, ""),
}


def application(shop: Shop, abort: Callable[[Scope], None]) -> ASGIApp:
    """``abort`` resets the connection of a scope."""
    routes = [
        Route("/control/{method:path}", _Control(shop), methods=["GET", "POST"]),
        Route("/wp-json/", _answering(shop, _index, public=True)),
        Route("/", _answering(shop, _front, public=True)),
        Route("/wp-json/wc/v3/orders", _answering(shop, _orders), methods=["GET"]),
        Route("/wp-json/wc/v3/orders", _answering(shop, _create), methods=["POST"]),
        Route("/wp-json/wc/v3/orders/statuses", _answering(shop, _statuses)),
        Route("/wp-json/wc/v3/orders/{id:int}", _answering(shop, _order), methods=["GET", "PUT", "DELETE"]),
        Route("/wp-json/wc/v3/system_status", _answering(shop, _system_status)),
        Route("/wp-json/wc/v3/webhooks", _answering(shop, _webhooks), methods=["GET", "POST"]),
        Route(
            "/wp-json/wc/v3/webhooks/{id:int}", _answering(shop, _webhook), methods=["GET", "PUT", "DELETE"]
        ),
        Route(
            "/{rest:path}", _answering(shop, _no_route, public=True), methods=["GET", "POST", "PUT", "DELETE"]
        ),
    ]
    return _Faulty(Starlette(routes=routes), shop, abort)


class _Faulty:
    """Counts requests, and lets them fail as told."""

    def __init__(self, app: ASGIApp, shop: Shop, abort: Callable[[Scope], None]) -> None:
        self._app = app
        self._shop = shop
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = request.url.path
        if path.startswith("/control/"):
            await self._app(scope, receive, send)
            return
        shop = self._shop
        shop.requests.append((request.method, path, dict(request.query_params)))
        if shop.before_request is not None:
            shop.before_request()
        if shop.latency:
            await asyncio.sleep(shop.latency)
        kind = shop.faults.next(path)
        if kind is None and shop.share and shop.dice.random() < shop.share:
            kind = "500"
        per_page = request.query_params.get("per_page", "")
        if kind is None and per_page.isdecimal() and shop.heaviest < int(per_page) <= 100:
            kind = "504"
        if kind == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        elif kind == "reset":
            self._abort(scope)
        elif kind in ("dirty", "truncated", "after", "around"):
            await self._app(scope, receive, _spoiled(send, kind))
        elif kind is not None:
            await _failure(shop, kind)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _failure(shop: Shop, kind: str) -> Response:
    if kind == "401":
        return _refused(
            shop, Refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        )
    if kind == "500":
        message = "<p>There has been a critical error on this website.</p>"
        return _refused(shop, Refused(500, "internal_server_error", message))
    if kind == "503":
        message = "Briefly unavailable for scheduled maintenance. Check back in a minute."
        answer = _refused(shop, Refused(503, "wp_die", message))
        answer.headers["retry-after"] = "600"
        return answer
    if kind == "429":
        return Response("Too many requests", 429, {"retry-after": "7", "date": _date(shop)})
    if kind == "redirect":
        return Response("", 301, {"location": "https://www.shop.example.com/wp-json/?secret=1"})
    status, page = _PAGES[kind]
    return Response(page, status, {"date": _date(shop)}, "text/html")


def _spoiled(send: Send, kind: str) -> Send:
    """Sends a complete answer whose body is not what it ought to be."""
    start: dict[str, Any] = {}

    async def send_spoiled(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body = message["body"]
        if kind == "truncated":
            body = body[: len(body) * 2 // 3]
        if kind in ("dirty", "around"):
            body = WARNING + body
        if kind in ("after", "around"):
            body += COMMENT
        headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    return send_spoiled


def _answering(
    shop: Shop, handle: Callable[[Shop, Request, Any], Response], *, public: bool = False
) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            with shop.lock:
                if shop.plain_permalinks and request.url.path.startswith("/wp-json"):
                    return Response("<title>Page not found</title>", 404, {"date": _date(shop)}, "text/html")
                if not public:
                    authenticate(shop, request)
                answer = handle(shop, request, json.loads(body) if body.startswith(b"{") else {})
        except Refused as refused:
            answer = _refused(shop, refused)
        if request.method == "POST" and request.url.path.endswith("/webhooks") and answer.status_code == 201:
            await _ping(shop.webhooks[json.loads(bytes(answer.body))["id"]])
        return answer

    return endpoint


def _index(shop: Shop, request: Request, _: Any) -> Response:
    home = shop.home or f"{request.url.scheme}://{request.url.netloc}"
    now = shop.clock.now().astimezone(shop.zone).utcoffset()
    facts = {
        "name": "Example Shop",
        "url": home,
        "home": home,
        "gmt_offset": now.total_seconds() / 3600 if now else 0,
        "timezone_string": shop.zone.key,
        "namespaces": ["wc/v3", "wc/v2", "wc/v1", "wp/v2"],
    }
    return _json(shop, _fields(request, facts))


def _front(shop: Shop, request: Request, body: Any) -> Response:
    """The front page; with ``rest_route`` the API, to which WooCommerce's keys do not reach."""
    route = request.query_params.get("rest_route")
    if route == "/":
        return _index(shop, request, body)
    if route:
        raise Refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    return Response("<title>Example Shop</title>", 200, {"date": _date(shop)}, "text/html")


def _no_route(shop: Shop, request: Request, _: Any) -> Response:
    if request.url.path.startswith("/wp-json/"):
        message = "No route was found matching the URL and request method."
        raise Refused(404, "rest_no_route", message)
    return Response("<title>Page not found</title>", 404, {"date": _date(shop)}, "text/html")


def _orders(shop: Shop, request: Request, _: Any) -> Response:
    query = request.query_params
    per_page = _integer(query.get("per_page", "10"), "per_page", 1, 100)
    page = _integer(query.get("page", "1"), "page", 1, 10**9)
    orderby = _one_of(
        query.get("orderby", "date"), "orderby", ("date", "id", "include", "title", "slug", "modified")
    )
    descending = _one_of(query.get("order", "desc"), "order", ("asc", "desc")) == "desc"
    gmt = query.get("dates_are_gmt", "false").lower() in ("true", "1")
    bounds = {
        name: bound(name, query[name], gmt=gmt, zone=shop.zone, storage=shop.storage)
        for name in ("after", "before", "modified_after", "modified_before")
        if name in query
    }
    included, excluded = _ids(query, "include"), set(_ids(query, "exclude"))
    wanted = set(included)
    rows = shop.listed(
        _statuses_asked(shop, query),
        orderby if orderby in ("date", "modified") else "id",
        created=(bounds.get("after"), bounds.get("before")),
        modified=(bounds.get("modified_after"), bounds.get("modified_before")),
        wanted=(lambda row: (not wanted or row.id in wanted) and row.id not in excluded)
        if wanted or excluded
        else None,
    )
    if orderby == "include":
        rows = sorted(rows, key=lambda row: included.index(row.id))
        descending = False
    chosen = _slice(rows, page, per_page, descending)
    _must_render(shop, chosen)
    total, pages = len(rows), -(-len(rows) // per_page)
    if page > 1 and not chosen and shop.storage == "hpos":
        total = pages = 0  # as seen on HPOS past the end
    if "_fields" in query:
        text = json.dumps([_fields(request, _row(row)) for row in chosen], separators=(",", ":")).encode()
    else:
        text = b"[" + b",".join(row.body for row in chosen) + b"]"
    headers = {"x-wp-total": str(total), "x-wp-totalpages": str(pages)}
    links = [
        f'<{request.url.replace(query=urlencode({**dict(query), "page": number}))}>; rel="{rel}"'
        for rel, number, there in (("prev", min(page - 1, pages), page > 1), ("next", page + 1, page < pages))
        if there
    ]
    if links:
        headers["link"] = ", ".join(links)
    return _raw(shop, text, headers=headers)


def _must_render(shop: Shop, rows: Sequence[Row]) -> None:
    if any(row.id in shop.broken for row in rows):
        message = "<p>There has been a critical error on this website.</p>"
        raise Refused(500, "internal_server_error", message)


def _slice(rows: Sequence[Row], page: int, per_page: int, descending: bool) -> list[Row]:
    start = (page - 1) * per_page
    if not descending:
        return list(rows[start : start + per_page])
    end = len(rows) - start
    return list(rows[max(end - per_page, 0) : end])[::-1] if end > 0 else []


def _statuses_asked(shop: Shop, query: Any) -> list[str]:
    text = query.get("status") or query.get("status[0]") or "any"
    asked = [part.strip() for part in text.split(",")]
    for number, slug in enumerate(asked):
        if slug not in ("any", "trash", *shop.registered):
            _param("status", f"status[{number}] is not one of any, trash, {', '.join(shop.registered)}.")
    return ["any"] if "any" in asked else asked


def _order(shop: Shop, request: Request, changes: Any) -> Response:
    id = int(request.path_params["id"])
    row = shop.row(id)
    _must_render(shop, [row])
    if request.method == "PUT":
        shop.edit(id, **changes)
        row = shop.row(id)
    elif request.method == "DELETE":
        if request.query_params.get("force", "").lower() in ("true", "1"):
            shop.delete(id)
        else:
            shop.trash(id)
        return _raw(shop, row.body)  # still shows the old status
    if "_fields" in request.query_params:
        document = _row(row)
        return _json(shop, {**_fields(request, document), "_links": document["_links"]})
    return _raw(shop, row.body)


def _create(shop: Shop, request: Request, changes: Any) -> Response:
    id = shop.add(name="empty_order_total_zero_admin", **changes)
    return _raw(shop, shop.row(id).body, 201)


def _statuses(shop: Shop, request: Request, _: Any) -> Response:
    return _json(shop, [{"slug": slug, "name": slug.capitalize()} for slug in shop.registered])


def _system_status(shop: Shop, request: Request, _: Any) -> Response:
    stores = r"Automattic\WooCommerce\Internal\DataStores\Orders\OrdersTableDataStore"
    facts = {
        "environment": {
            "home_url": shop.home or f"{request.url.scheme}://{request.url.netloc}",
            "version": shop.version,
            "wp_version": "6.9.1",
        },
        "settings": {
            "currency": "USD",
            "number_of_decimals": 2,
            "HPOS_enabled": shop.storage == "hpos",
            "order_datastore": stores if shop.storage == "hpos" else "WC_Order_Data_Store_CPT",
        },
    }
    return _json(shop, _fields(request, facts))


def _webhooks(shop: Shop, request: Request, wanted: Any) -> Response:
    if request.method == "GET":
        query = request.query_params
        per_page = _integer(query.get("per_page", "10"), "per_page", 1, 100)
        page = _integer(query.get("page", "1"), "page", 1, 10**9)
        status = _one_of(query.get("status", "all"), "status", ("all", "active", "paused", "disabled"))
        rows = [row for row in shop.webhooks.values() if status in ("all", row["status"])]
        if query.get("order", "desc") == "desc":
            rows.reverse()
        return _json(shop, rows[(page - 1) * per_page : page * per_page])
    if not is_deliverable(str(wanted.get("delivery_url", ""))):
        message = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise Refused(400, "woocommerce_rest_invalid_webhook_delivery_url", message)
    return _json(shop, shop.hooks.create(wanted), 201)


def _webhook(shop: Shop, request: Request, changes: Any) -> Response:
    number = int(request.path_params["id"])
    if number not in shop.webhooks:
        raise Refused(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    if request.method == "PUT":
        return _json(shop, shop.hooks.change(number, changes))
    if request.method == "DELETE":
        if request.query_params.get("force", "").lower() not in ("true", "1"):
            message = "Webhooks do not support trashing."
            raise Refused(501, "woocommerce_rest_trash_not_supported", message)
        return _json(shop, shop.hooks.delete(number))
    return _json(shop, shop.webhooks[number])


async def _ping(hook: dict[str, Any]) -> None:
    """Unsigned, form-encoded; a ping that fails does not stop the creation."""
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            await client.post(hook["delivery_url"], data={"webhook_id": str(hook["id"])})
    except (httpx.HTTPError, httpx.InvalidURL):
        hook["pending_delivery"] = True


class _Control:
    """``POST /control/METHOD``: a method of ``Shop`` with the JSON object's members as arguments."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        shop, method = self._shop, request.path_params["method"]
        if request.method == "GET":
            listed = {"orders": len(shop.ids()), "trash": len(shop.ids("trash"))}
            return _json(shop, {**listed, "requests": len(shop.requests)})
        if method not in CONTROLS:
            return _json(shop, {"error": f"no such control; there are {', '.join(sorted(CONTROLS))}"}, 404)
        try:
            return _json(shop, {"result": getattr(shop, method)(**json.loads(await request.body() or b"{}"))})
        except (Refused, TypeError, ValueError) as error:
            return _json(shop, {"error": str(error)}, 400)


def _fields(request: Request, value: dict[str, Any]) -> dict[str, Any]:
    """Only top-level names count: a dotted one drops its field altogether."""
    if "_fields" not in request.query_params:
        return value
    names = request.query_params["_fields"].split(",")
    return {name: value[name] for name in names if name in value}


def _row(row: Row) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(row.body)
    return document


def _ids(query: Any, name: str) -> list[int]:
    return [int(part) for part in query.get(name, "").split(",") if part.strip().isdecimal()]


def _integer(text: str, name: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        _param(name, f"{name} must be between {least} (inclusive) and {most} (inclusive)")
    return int(text)


def _one_of(text: str, name: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        _param(name, f"{name} is not one of {', '.join(allowed)}.")
    return text


def _param(name: str, reason: str) -> None:
    raise Refused(400, "rest_invalid_param", f"Invalid parameter(s): {name}", params={name: reason})


def _refused(shop: Shop, refused: Refused) -> Response:
    return _json(
        shop, {"code": refused.code, "message": refused.message, "data": refused.data}, refused.status
    )


def _json(shop: Shop, value: Any, status: int = 200) -> Response:
    return _raw(shop, json.dumps(value).encode(), status)


def _raw(shop: Shop, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, {"date": _date(shop), **(headers or {})}, "application/json; charset=UTF-8")


def _date(shop: Shop) -> str:
    return format_datetime(shop.clock.now(), usegmt=True)
