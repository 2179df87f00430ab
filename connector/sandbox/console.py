"""The sandbox's own endpoints under ``/sandbox/``: what arrived, and what tests and operators can change."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.runtime import exact_json
from connector.sandbox.faults import Fault
from connector.sandbox.limits import Kind
from connector.sandbox.page import page
from connector.sandbox.privy import Business, Sandbox


class Changes(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /sandbox/config``; what is left out stays as it is.

    ``business`` names the business that limits, window, spending and integrations are for (default: the
    first). ``per_minute`` and ``per_day`` may be null for no limit. ``spend`` counts that many requests
    as another integration of the same account would. ``revoke`` lists tokens, ``revoke_oauth`` takes
    every access token given out. ``integrations`` adds Custom Integrations (true) or makes them inactive
    (false). ``latency`` is in seconds. ``faults`` are played after those that wait; ``clear_faults`` first.
    """

    business: str | None = None
    per_minute: int | UnsetType | None = UNSET
    per_day: int | UnsetType | None = UNSET
    window: Kind | UnsetType = UNSET
    spend: int = 0
    revoke: tuple[str, ...] = ()
    revoke_oauth: bool = False
    integrations: dict[str, bool] = {}
    latency: float | UnsetType = UNSET
    clear_faults: bool = False
    faults: tuple[Fault, ...] = ()


def configure(sandbox: Sandbox, changes: Changes) -> None:
    """Carry the changes out. Raises KeyError for a business that does not exist."""
    business = sandbox.businesses[changes.business] if changes.business else sandbox.first
    limits = business.limits
    if changes.per_minute is not UNSET:
        limits.minute.limit = changes.per_minute
    if changes.per_day is not UNSET:
        limits.day.limit = changes.per_day
    if changes.window is not UNSET:
        limits.minute.kind = limits.day.kind = changes.window
    for _ in range(changes.spend):
        limits.spend(sandbox.clock())
    business.integrations.update(changes.integrations)
    sandbox.access.revoke(tokens=changes.revoke, oauth=changes.revoke_oauth)
    if changes.latency is not UNSET:
        sandbox.latency = changes.latency
    if changes.clear_faults:
        sandbox.faults.clear()
    sandbox.faults.add(changes.faults)


def state(sandbox: Sandbox) -> dict[str, Any]:
    """Counts and limits of every business, without anything personal."""
    now = sandbox.clock()
    return {
        "arrivals": len(sandbox.arrivals),
        "latency": sandbox.latency,
        "businesses": {
            business.name: {
                "orders": len(business.ledger.orders),
                "contacts": len(business.ledger.contacts),
                "flows": len(business.ledger.flows),
                "window": business.limits.minute.kind,
                "per_minute": business.limits.minute.limit,
                "per_day": business.limits.day.limit,
                "remaining_minute": business.limits.minute.remaining(now),
                "remaining_day": business.limits.day.remaining(now),
            }
            for business in sandbox.businesses.values()
        },
    }


def console_routes(sandbox: Sandbox) -> list[Route]:
    """The page at ``/`` and the endpoints under ``/sandbox/``.

    Lists take ``?business=NAME`` (default: the first), ``?after=N`` (arrivals and flows with a larger
    number) and ``?limit=N`` (the last N).
    """

    async def show(request: Request) -> Response:
        return page(sandbox)

    async def counts(request: Request) -> Response:
        return _json(state(sandbox))

    async def orders(request: Request) -> Response:
        return _json(_last(request, list(_business(request, sandbox).ledger.orders.values())))

    async def contacts(request: Request) -> Response:
        return _json(_last(request, _business(request, sandbox).ledger.contacts))

    async def flows(request: Request) -> Response:
        return _json(_last(request, _business(request, sandbox).ledger.flows[_number(request, "after", 0) :]))

    async def arrivals(request: Request) -> Response:
        return _json(_last(request, sandbox.arrivals[_number(request, "after", 0) :]))

    async def reset(request: Request) -> Response:
        sandbox.reset()
        return _json(state(sandbox))

    async def config(request: Request) -> Response:
        try:
            changes = msgspec.json.decode(await request.body(), type=Changes)
            configure(sandbox, changes)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPException(422, f"The change is not understood: {error}.") from None
        except KeyError:
            raise HTTPException(404, "There is no such business here.") from None
        return _json(state(sandbox))

    views: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": show,
        "/sandbox/state": counts,
        "/sandbox/orders": orders,
        "/sandbox/contacts": contacts,
        "/sandbox/flows": flows,
        "/sandbox/arrivals": arrivals,
    }
    changers = {"/sandbox/reset": reset, "/sandbox/config": config}
    return [
        *(Route(path, _local(view), methods=["GET"]) for path, view in views.items()),
        *(Route(path, _local(_from_program(view)), methods=["POST"]) for path, view in changers.items()),
    ]


View = Callable[[Request], Awaitable[Response]]


def _local(view: View) -> View:
    """Answer only under a loopback name, so that no web site can read buyers' data by rebinding its own."""

    async def guarded(request: Request) -> Response:
        host = request.url.hostname or ""
        try:
            local = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        if not local:
            raise HTTPException(403, "The sandbox answers under a loopback address only.")
        return await view(request)

    return guarded


def _from_program(view: View) -> View:
    """Refuse what a web page of another site can send without being asked: anything that is not JSON."""

    async def guarded(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise HTTPException(415, "Send application/json.")
        return await view(request)

    return guarded


def _business(request: Request, sandbox: Sandbox) -> Business:
    name = request.query_params.get("business")
    business = sandbox.businesses.get(name) if name else sandbox.first
    if business is None:
        raise HTTPException(404, "There is no such business here.")
    return business


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(422, f"{name} must be a whole number.")
    return int(text)


def _last(request: Request, rows: list[Any]) -> list[Any]:
    limit = _number(request, "limit", len(rows))
    return rows[len(rows) - limit :] if limit < len(rows) else rows


def _json(body: Any) -> Response:
    return Response(exact_json.encode(body), 200, {"Cache-Control": "no-store"}, "application/json")
