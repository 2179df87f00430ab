"""``POST /orders/<store>``: one order or a list of them, safe before it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.daemon.app import App
from connector.ingest.push import MOST, Arrival, Reception, pushed_adapter
from connector.ingest.repeats import Repeats
from connector.ingest.source import Shop
from connector.model.errors import Forged, StateError
from connector.model.states import ArrivalState
from connector.runtime import exact_json, foreign_json
from connector.runtime.instruments import PUSHES
from connector.sdk.contract import WebhookRequest
from connector.web.context import Front, answer
from connector.web.request_body import whole_body

log = structlog.get_logger()

MAX_BODY = 4 * 1024 * 1024


def routes(front: Front) -> list[BaseRoute]:
    """For senders of orders."""
    reception = Reception()
    repeats = Repeats[Sequence[Arrival]]()

    def shop_of(request: Request) -> tuple[App, Shop]:
        app, name = front.app, request.path_params["store"]
        shop = app.shops.get(name)
        if shop is None or not shop.pushed:
            raise HTTPException(404, "there is no store of this name that takes orders")
        return app, shop

    def counted(store: str, outcome: str) -> None:
        PUSHES.labels(store, outcome).inc()

    async def orders(request: Request) -> Response:
        _, shop = shop_of(request)
        try:
            body = await whole_body(request, MAX_BODY)
        except HTTPException:
            counted(shop.name, "too_large")
            raise
        app, shop = shop_of(request)  # a reload may have come meanwhile
        secrets = [secret.get_secret_value() for secret in app.settings.stores[shop.name].webhook_secret]
        push = WebhookRequest(headers=dict(request.headers), body=body)
        try:
            digest = pushed_adapter(shop).authenticate(push, secrets, app.clock.now())
        except Forged as error:
            counted(shop.name, "forged")
            held = front.throttle.due(f"push.forged {shop.name}", app.clock.steady())
            if held is not None:
                log.warning("push.forged", store=shop.name, error=str(error), held_back=held)
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
        try:
            bodies = _bodies(body)
        except HTTPException:
            counted(shop.name, "not_an_order")
            raise
        try:
            take = partial(reception.arrive, shop, bodies)
            arrivals = await repeats.once(shop.name, digest, app.clock.steady(), take)
        except StateError:
            counted(shop.name, "unavailable")
            raise
        faults = [one for one in arrivals if one.state in (ArrivalState.FAILED, ArrivalState.REFUSED)]
        if faults:
            log.warning("push.faulty", store=shop.name, orders=len(faults), first=faults[0].reason)
        counted(shop.name, "faulty" if faults else "accepted")
        return answer({"orders": arrivals}, _status(arrivals))

    return [Route(path, orders, methods=["POST"]) for path in ("/orders/{store}", "/orders/{store}/")]


def _bodies(body: bytes) -> list[Any]:
    """The documents; what is none among them costs itself only, see ``take_in``."""
    try:
        content = foreign_json.decode(body)
    except exact_json.NotJSON as error:
        raise HTTPException(400, f"the body {error}; one order is expected, or a list of them") from None
    bodies = content if isinstance(content, list) else [content]
    if bodies and not any(isinstance(one, dict) for one in bodies):
        raise HTTPException(400, "an order is a JSON object; one is expected, or a list of them")
    if len(bodies) > MOST:
        raise HTTPException(413, f"a request takes at most {MOST} orders; send the rest in another one")
    return bodies


def _status(arrivals: Sequence[Arrival]) -> int:
    """202: all are well; 207: some are not, though whatever has an id is kept; 422: none could be kept."""
    states = {one.state for one in arrivals}
    if states == {ArrivalState.REFUSED}:
        return 422
    return 207 if states & {ArrivalState.FAILED, ArrivalState.REFUSED} else 202
