"""The stand-in over HTTP: tokens, GraphQL, files of bulk operations, and what spoils an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.shops.shopify import admin_api
from tests.shops.shopify.orders import Document
from tests.shops.shopify.shop import CONTROLS, Shop
from tests.shops.spoiler import unless_broken

_PAGES = {
    "html": (200, "<!DOCTYPE html><title>Something went wrong</title>"),
    "502": (502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "503": (503, "<!DOCTYPE html><title>Shopify</title><p>We'll be right back.</p>"),
}
_ERRORS = {
    "401": "[API] Invalid API key or access token (unrecognized login or wrong password)",
    "402": "Unavailable Shop",
    "403": "Forbidden",
    "404": "Not Found",
    "423": "This shop is locked",
    "430": "Shopify Security Rejection",
    "500": "Internal Server Error",
}
# What the grant says of itself (reported by users of it in 2026); HTTP 400 and a page for people.
_GRANT = {
    "shop_not_permitted": "Client credentials cannot be performed on this shop.",
    "app_not_installed": "The application is not installed on this shop.",
    "application_cannot_be_found": "Could not find Shopify API application.",
    "invalid_client": "The client secret is wrong.",
}


def application(shop: Shop, abort: Callable[[Scope], None]) -> ASGIApp:
    """``abort`` resets the connection of a scope."""
    routes = [
        Route("/control/{method:path}", _Control(shop), methods=["GET", "POST"]),
        Route("/admin/oauth/access_token", _endpoint(shop, _token), methods=["POST"]),
        Route("/admin/api/{version}/graphql.json", _endpoint(shop, _graphql), methods=["POST"]),
        Route("/admin/api/graphql.json", _endpoint(shop, _graphql), methods=["POST"]),
        Route("/bulk/{key}.jsonl", _File(shop), methods=["GET"]),
    ]
    return _Faulty(Starlette(routes=routes), shop, abort)


class _Faulty:
    """Spoils answers on their way as the shop's faults say; dates them by the shop's clock."""

    def __init__(self, app: ASGIApp, shop: Shop, abort: Callable[[Scope], None]) -> None:
        self._app = app
        self._shop = shop
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, shop = scope["path"], self._shop
        if path.startswith("/control/"):
            await self._app(scope, receive, send)
            return
        if shop.before_request is not None:
            shop.before_request()
        if shop.latency:
            await asyncio.sleep(shop.latency)
        send = self._dated(send)
        kind = shop.faults.next(path)
        if kind == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        elif kind == "reset":
            self._abort(scope)
        elif kind in ("truncated", "broken"):
            await self._app(scope, receive, self._spoiled(scope, send, whole=kind == "truncated"))
        elif kind is not None:
            await _failure(shop, kind)(scope, receive, send)
        elif shop.broken:
            application = unless_broken(self._app, self._shows_broken, _failure(shop, "internal"))
            await application(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _shows_broken(self, body: bytes) -> bool:
        return b'"%s"' % self._shop.broken.encode() in body and b"lineItems" in body

    def _dated(self, send: Send) -> Send:
        async def send_dated(message: Any) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._shop.clock.now(), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        return send_dated

    def _spoiled(self, scope: Scope, send: Send, *, whole: bool) -> Send:
        """Two thirds of the body: under a length that agrees, or with the connection cut."""
        start: dict[str, Any] = {}
        gathered = bytearray()

        async def send_spoiled(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            gathered.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            part = bytes(gathered[: len(gathered) * 2 // 3])
            length = len(part) if whole else len(gathered)
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(length).encode())]})
            await send({"type": "http.response.body", "body": part, "more_body": not whole})
            if not whole:
                await asyncio.sleep(0.05)  # let the part leave before the reset overtakes it
                self._abort(scope)

        return send_spoiled


def _failure(shop: Shop, kind: str) -> Response:
    if kind in _PAGES:
        status, page = _PAGES[kind]
        return Response(page, status, media_type="text/html")
    if kind == "empty":
        return Response(b"", 200)
    if kind == "strange":
        return JSONResponse({"data": {"hello": "world"}, "orders": 17})
    if kind == "redirect":
        return Response("", 301, {"location": "https://renamed.example.com/admin/?secret=1"})
    if kind == "429":
        body = {"errors": "Exceeded 2 calls per second for api client."}
        return JSONResponse(body, 429, {"retry-after": "7"})
    if kind == "throttled":
        restore = shop.bucket.restore
        status_ = {"maximumAvailable": 20 * restore, "currentlyAvailable": 0, "restoreRate": restore}
        cost = {"requestedQueryCost": 7 * restore, "actualQueryCost": None, "throttleStatus": status_}
        return JSONResponse({"errors": [admin_api.throttled()], "extensions": {"cost": cost}})
    if kind == "internal":
        error = {
            "message": "Internal error. Looks like something went wrong on our end.\nRequest ID: 1 (include "
            "this in support requests).",
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "1"},
        }
        return JSONResponse({"errors": [error]})
    return JSONResponse({"errors": _ERRORS[kind]}, int(kind))


def _endpoint(shop: Shop, handle: Callable[[Shop, Request, bytes], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(locked, request, body)

    def locked(request: Request, body: bytes) -> Response:
        with shop.lock:
            try:
                return handle(shop, request, body)
            except Exception as error:
                shop.mistakes.append(f"{type(error).__name__}: {error}")
                raise

    return endpoint


def _token(shop: Shop, request: Request, body: bytes) -> Response:
    given: Document = dict(parse_qsl(body.decode()))
    if request.headers.get("content-type", "").startswith("application/json"):
        given = json.loads(body)
    shop.requests.append(("POST", request.url.path, {"grant_type": given.get("grant_type")}))
    problem = shop.grant_failure
    if given.get("grant_type") != "client_credentials":
        return JSONResponse({"error": "invalid_request"}, 400)
    if given.get("client_id") != shop.client_id:
        problem = "application_cannot_be_found"
    elif given.get("client_secret") != shop.client_secret:
        problem = "invalid_client"
    if problem:
        page = f"<!DOCTYPE html><title>Oauth error {problem}: {_GRANT[problem]}</title>"
        return Response(page, 400, media_type="text/html")
    token, seconds = shop.grant()
    return JSONResponse(
        {"access_token": token, "scope": ",".join(sorted(shop.scopes)), "expires_in": seconds}
    )


def _graphql(shop: Shop, request: Request, body: bytes) -> Response:
    version = request.path_params.get("version", "")
    if version not in shop.versions and version[:4] >= shop.versions[-1][:4] and version > shop.versions[-1]:
        return JSONResponse({"errors": "Not Found"}, 404)
    served = version if version in shop.versions else shop.versions[0]  # falls forward
    if not shop.accepts(request.headers.get("x-shopify-access-token", "")):
        return JSONResponse({"errors": _ERRORS["401"]}, 401)
    try:
        asked = json.loads(body)
    except ValueError:
        return JSONResponse({"errors": {"query": "Required parameter missing or invalid"}}, 400)
    shop.requests.append(("POST", request.url.path, asked))
    headers = {"x-shopify-api-version": served}
    return JSONResponse(admin_api.answer(shop, asked), headers=headers)


class _File:
    """The JSON Lines of a bulk operation: signed by its address, so no token may come along."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(Request(scope, receive))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        shop = self._shop
        shop.requests.append(("GET", request.url.path, dict(request.query_params)))
        if "x-shopify-access-token" in request.headers or "authorization" in request.headers:
            shop.mistakes.append("a token was sent to the storage of bulk results")
        operation = shop.bulk.file(request.path_params["key"])
        if operation is None or operation.expired:
            page = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>ExpiredToken</Code></Error>"
            return Response(page, 400, media_type="application/xml")
        shop.bulk.fetched += 1
        body, start = operation.body, 0
        given = request.headers.get("range", "")
        if given.startswith("bytes=") and given.endswith("-"):
            start = int(given[6:-1])
            if start >= len(body):
                return Response("", 416, {"content-range": f"bytes */{len(body)}"})
        headers = {
            "content-length": str(len(body) - start),
            "accept-ranges": "bytes",
            "etag": f'"{operation.key}"',
        }
        if start:
            headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        status = 206 if start else 200
        return StreamingResponse(self._chunks(body[start:]), status, headers, "application/jsonl")

    async def _chunks(self, body: bytes) -> AsyncIterator[bytes]:
        size = self._shop.bulk.chunk
        for start in range(0, len(body), size):
            if start:
                await asyncio.sleep(self._shop.bulk.chunk_seconds)
            yield body[start : start + size]


class _Control:
    """``POST /control/METHOD``: a method of ``Shop`` with the JSON object's members as arguments."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        answer = await run_in_threadpool(self._answer, request, body)
        await answer(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        shop, method = self._shop, request.path_params["method"]
        if request.method == "GET":
            return JSONResponse(
                {"orders": len(shop.orders), "requests": len(shop.requests), "mistakes": shop.mistakes}
            )
        if method not in CONTROLS:
            return JSONResponse({"error": f"no such control; there are {', '.join(sorted(CONTROLS))}"}, 404)
        try:
            return JSONResponse({"result": getattr(shop, method)(**json.loads(body or b"{}"))})
        except (LookupError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
