"""WooCommerce's webhook subscriptions through its API; seen on 10.5.0.

After the seventh failed delivery in a row WooCommerce disables a webhook. One that is only switched on again
keeps its count, so that the next single failure disables it once more: it has to be created anew. A secret is
never shown again, and creating a webhook sends an unsigned ping, whose failure changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.woocommerce.client import Client
from connector.model.errors import Unavailable
from connector.sdk.contract import Subscription

TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")
_PER_PAGE = 100
_MOST_PAGES = 50
_SAID = {
    "active": "",
    "paused": "paused by somebody in wp-admin",
    "disabled": "disabled by WooCommerce after repeated failures",
}


async def listed(client: Client) -> Sequence[Subscription]:
    """Every webhook of the shop, page by page; one that is deleted meanwhile can only be seen twice."""
    found: dict[str, Subscription] = {}
    for page in range(1, _MOST_PAGES + 1):
        answer = await client.get(
            "webhooks",
            {"per_page": str(_PER_PAGE), "page": str(page), "orderby": "id", "order": "asc", "status": "all"},
        )
        rows = answer.value
        if not isinstance(rows, list):
            raise Unavailable("the shop answers something else than a list of webhooks")
        for row in rows:
            if isinstance(row, dict):
                found[str(row.get("id"))] = _subscription(row)
        if len(rows) < _PER_PAGE:
            break
    return list(found.values())


async def create(client: Client, topic: str, address: str, secret: str) -> None:
    """Make a webhook. Raises AuthError for a key that may only read."""
    await client.post(
        "webhooks",
        {
            "name": f"privy-connector {topic}",
            "topic": topic,
            "delivery_url": address,
            "secret": secret,
            "status": "active",
        },
    )


async def delete(client: Client, id: str) -> None:
    """Delete a webhook for good; one that is gone already is fine."""
    await client.delete_or_none(f"webhooks/{id}", {"force": "true"})


def _subscription(row: dict[str, Any]) -> Subscription:
    status = str(row.get("status", ""))
    return Subscription(
        id=str(row.get("id")),
        topic=str(row.get("topic", "")),
        address=str(row.get("delivery_url", "")),
        active=status == "active",
        said=_SAID.get(status, status),
    )
