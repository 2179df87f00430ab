"""``POST /webhooks/<store>``: verify, keep durably, answer; ``connector.ingest.webhooks`` does the rest."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from connector.model.errors import Forged, StateError
from connector.runtime.instruments import WEBHOOKS
from connector.sdk.contract import Notice, WebhookRequest
from connector.state import inbox
from connector.state.group_commit import GroupCommit
from connector.web.context import Front, answer
from connector.web.request_body import whole_body

log = structlog.get_logger()

MAX_BODY = 1024 * 1024
DATABASE_SECONDS = 4.0  # then the shop is told to try again; the impatient ones wait five seconds


def routes(front: Front) -> list[BaseRoute]:
    """For shops."""

    async def commit(letters: Sequence[tuple[str, Notice]]) -> list[None]:
        app = front.app
        await app.db.run(inbox.arrive, letters, now=app.clock.now(), steady=app.clock.steady())
        for store in {store for store, _ in letters}:
            app.nudge(store)
        return [None] * len(letters)

    kept: GroupCommit[tuple[str, Notice], None] = GroupCommit(
        commit, seconds=DATABASE_SECONDS, late="the database did not take a webhook in time"
    )

    async def webhook(request: Request) -> Response:
        name = request.path_params["store"]
        if name not in front.app.shops or not front.app.shops[name].adapter.traits.webhooks:
            raise HTTPException(404)
        try:
            body = await whole_body(request, MAX_BODY)
        except HTTPException:
            WEBHOOKS.labels(name, "too_large").inc()
            raise
        app = front.app
        if name not in app.shops:  # a reload took it away while the body came
            raise HTTPException(404)
        secrets = [secret.get_secret_value() for secret in app.settings.stores[name].webhook_secret]
        try:
            notice = app.shops[name].adapter.read_webhook(
                WebhookRequest(headers=dict(request.headers), body=body), secrets
            )
        except Forged as error:
            WEBHOOKS.labels(name, "forged").inc()
            held = front.throttle.due(f"webhook.forged {name}", app.clock.steady())
            if held is not None:
                log.warning("webhook.forged", store=name, error=str(error), held_back=held)
            raise HTTPException(401, "the signature is missing or wrong") from None
        if notice == Notice():
            WEBHOOKS.labels(name, "nothing").inc()
            return answer({"status": "nothing to do"})
        try:
            await kept.add((name, notice))
        except StateError:
            WEBHOOKS.labels(name, "unavailable").inc()
            raise
        WEBHOOKS.labels(name, "accepted").inc()
        if notice.note:
            log.warning("webhook.note", store=name, note=notice.note)
        return answer({"status": "accepted"}, 202)

    return [Route("/webhooks/{store}", webhook, methods=["POST"])]
