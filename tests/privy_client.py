"""Calls a sandbox of tests as a connector would, one order at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.privy import RunningSandbox, running_sandbox

ORDER: dict[str, Any] = {
    "order_id": 9007199254740993,
    "total": 95,
    "currency": "USD",
    "order_date": "2026-05-01T10:00:00Z",
    "email": "ann@shop.example",
}
ERASED = object()


class Client:
    """Calls a running sandbox as a connector would."""

    def __init__(self, privy: RunningSandbox, http: httpx.AsyncClient) -> None:
        self.privy = privy
        self.http = http

    async def place(
        self, *, token: str = "", integration: str | None = None, **fields: Any
    ) -> httpx.Response:
        """POST the sample order with ``fields`` on top; ERASED leaves a field out."""
        body = {name: value for name, value in {**ORDER, **fields}.items() if value is not ERASED}
        headers = {"Authorization": f"Bearer {token or self.privy.token}"}
        if integration is not None:
            headers["X-Privy-Integration-Token"] = integration
        return await self.http.post("/v1/orders/placed", json=body, headers=headers)

    async def raw(self, content: bytes, **headers: str) -> httpx.Response:
        """POST any bytes; headers written with underscores."""
        own = {"Authorization": f"Bearer {self.privy.token}", "Content-Type": "application/json"}
        own.update({name.replace("_", "-"): value for name, value in headers.items()})
        return await self.http.post("/v1/orders/placed", content=content, headers=own)


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[Client]:
    """A sandbox with ``running_sandbox``'s options, and a client for it."""
    async with running_sandbox(**options) as privy, httpx.AsyncClient(base_url=privy.base_url) as http:
        yield Client(privy, http)


def refused(answer: httpx.Response) -> dict[str, str]:
    """The fields of a 422 and what is wrong with them."""
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "validation_failed"), answer.text
    return {detail["field"]: detail["message"] for detail in error["details"]}
