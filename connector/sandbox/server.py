"""Privy's HTTP surface on a loopback port: Starlette on uvicorn."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connector.model.errors import StateError, UsageError
from connector.runtime import exact_json
from connector.runtime.listener import bind
from connector.runtime.listener import serving as listener_serving
from connector.sandbox.console import console_routes
from connector.sandbox.faults import HTML, Broken, Fault
from connector.sandbox.privy import INTEGRATION_HEADER, PLACED_PATH, Call, Sandbox
from connector.sandbox.refusal import Refusal, scripted

MAX_BODY = 1024 * 1024
TOKEN_PATH = "/oauth/token"  # noqa: S105 (a path, not a secret)
CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}

log = logging.getLogger("connector.sandbox")


@asynccontextmanager
async def serving(sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the sandbox while the block runs; gives its base URL. Port 0 takes a free one.

    The sandbox is closed at the end. Raises UsageError for an address that is not loopback or a port in use.
    """
    try:
        listener = bind(_loopback(host), port)
    except UsageError:
        sandbox.close()
        raise
    application = app(sandbox)
    try:
        async with listener_serving(application, listener) as server:
            application.state.connections = server.connections
            try:
                yield server.url
            finally:
                sandbox.faults.released.set()
    finally:
        sandbox.close()


def app(sandbox: Sandbox) -> Starlette:
    """The ASGI application of a sandbox."""

    async def place(request: Request) -> Response:
        body = await _body(request)
        if sandbox.latency:
            await asyncio.sleep(sandbox.latency)
        headers = request.headers
        call = Call(
            authorization=headers.get("authorization", ""),
            content_type=headers.get("content-type", ""),
            integration=headers.get(INTEGRATION_HEADER),
            body=body,
        )
        answer = sandbox.place(call)
        log.debug("sandbox.answered status=%d", answer.status)
        return _spoilt(request, sandbox, answer.fault, _json(answer.status, answer.body, answer.headers))

    async def token(request: Request) -> Response:
        body = await _body(request)
        if sandbox.latency:
            await asyncio.sleep(sandbox.latency)
        fault = sandbox.faults.take(TOKEN_PATH, None)
        if fault and fault.kind == "status" and not fault.processes:
            return _json(fault.status, scripted(fault.status).body(), sandbox.limit_headers(None))
        status, answer, business = _issue(sandbox, request.headers.get("content-type", ""), body)
        headers = sandbox.limit_headers(sandbox.businesses.get(business))
        return _spoilt(
            request, sandbox, fault, _json(status, answer, {**headers, "Cache-Control": "no-store"})
        )

    async def refuse(request: Request, error: Exception) -> Response:
        """The envelope for what the routes do not take, a full disk, and a fault of the sandbox itself."""
        if isinstance(error, HTTPException):
            code, message, own = CODES.get(error.status_code, "bad_request"), error.detail, error.headers
            refusal = Refusal(error.status_code, code, message, headers=own)
        elif isinstance(error, StateError):
            log.error("sandbox.unwritable %s", error)
            refusal = Refusal(503, "unavailable", str(error))
        else:
            refusal = Refusal(500, "server_error", "The sandbox failed; its log says why.")
        business = sandbox.business_of(request.headers.get("authorization", ""))
        return _json(refusal.status, refusal.body(), {**sandbox.limit_headers(business), **refusal.headers})

    routes = [
        Route(PLACED_PATH, place, methods=["POST"]),
        Route(TOKEN_PATH, token, methods=["POST"]),
        *console_routes(sandbox),
    ]
    handlers = {HTTPException: refuse, StateError: refuse, Exception: refuse}
    return Starlette(routes=routes, exception_handlers=handlers)


def _loopback(host: str) -> str:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(f"the sandbox listens on loopback only, not on {host}; use 127.0.0.1 or ::1")
    return str(address)


async def _body(request: Request) -> bytes:
    """The whole body. Raises HTTPException 413 for one above 1 MiB."""
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY:
                raise HTTPException(413, "The body is larger than 1 MiB.", {"Connection": "close"})
            chunks.append(chunk)
    except ClientDisconnect:
        raise HTTPException(400, "The body was cut off.") from None
    return b"".join(chunks)


def _issue(sandbox: Sandbox, content_type: str, body: bytes) -> tuple[int, dict[str, Any], str]:
    """OAuth's client credentials grant (RFC 6749, 4.4 and 5.2): status, answer, the business's name."""
    try:
        if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise ValueError
        form = dict(parse_qsl(body.decode(), max_num_fields=20))
    except ValueError:
        return 400, {"error": "invalid_request"}, ""
    application = sandbox.access.application(form.get("client_id", ""), form.get("client_secret", ""))
    if application is None:
        return 401, {"error": "invalid_client"}, ""
    if form.get("grant_type") != "client_credentials":
        return 400, {"error": "unsupported_grant_type"}, application.business
    scopes = frozenset(form.get("scope", "").split()) or application.scopes
    if not scopes <= application.scopes:
        return 400, {"error": "invalid_scope"}, application.business
    now = sandbox.clock()
    answer = {
        "access_token": sandbox.access.issue(application, scopes, now),
        "token_type": "Bearer",
        "expires_in": int(sandbox.access.token_seconds),
        "scope": " ".join(sorted(scopes)),
        "created_at": int(now),
    }
    return 200, answer, application.business


def _spoilt(request: Request, sandbox: Sandbox, fault: Fault | None, answer: Response) -> Response:
    """The answer as a fault lets it through."""
    if fault is None or fault.kind == "status":
        return answer
    if fault.kind in ("html", "redirect"):
        status = 200 if fault.kind == "html" else 307
        headers = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit")}
        if fault.kind == "redirect":
            headers["Location"] = fault.location
        return Response(HTML, status, headers, "text/html")
    return Broken(fault, answer, request.app.state.connections, sandbox.faults.released)


def _json(status: int, body: Any, headers: Mapping[str, str]) -> Response:
    return Response(exact_json.encode(body), status, headers, "application/json")
