"""The app's webhook subscriptions in one shop, through the API.

Shopify shows an app only its own, and deletes one after eight failures in a row instead of disabling it, so
that each which is there is active (https://shopify.dev/docs/apps/build/webhooks/subscribe/https).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.shopify import queries
from adapters.shopify.client import Client
from connector.model.errors import AuthError, Unavailable
from connector.sdk.contract import Subscription
from connector.sdk.graphql import Answer

_PAGE = 100


async def every(client: Client) -> Sequence[Subscription]:
    """All of this app. Raises AuthError and Unavailable."""
    found: list[Subscription] = []
    after: str | None = None
    while True:
        answer = await client.ask(queries.SUBSCRIPTIONS, {"first": _PAGE, "after": after})
        connection = answer.data.get("webhookSubscriptions")
        nodes = connection.get("nodes") if isinstance(connection, dict) else None
        if not isinstance(nodes, list):
            raise Unavailable("the shop does not list its webhook subscriptions", maybe_done=True)
        found += [_subscription(node) for node in nodes if isinstance(node, dict)]
        info = connection.get("pageInfo") if isinstance(connection, dict) else None
        if not isinstance(info, dict) or not info.get("hasNextPage"):
            return found
        after = info.get("endCursor")


async def subscribe(client: Client, topic: str, address: str) -> None:
    """Raises AuthError when Shopify does not take the topic or the address."""
    answer = await client.ask(
        queries.SUBSCRIBE, {"topic": topic, "subscription": {"uri": address, "format": "JSON"}}
    )
    _done(answer, "webhookSubscriptionCreate", f"subscribing to {topic}")


async def unsubscribe(client: Client, id: str) -> None:
    """One that is gone already is no fault."""
    try:
        answer = await client.ask(queries.UNSUBSCRIBE, {"id": id})
        _done(answer, "webhookSubscriptionDelete", "ending a subscription")
    except AuthError as error:
        if "does not exist" not in str(error):
            raise


def _subscription(node: dict[str, Any]) -> Subscription:
    return Subscription(
        id=str(node.get("id")), topic=str(node.get("topic")), address=str(node.get("uri")), active=True
    )


def _done(answer: Answer, field: str, what: str) -> None:
    payload = answer.data.get(field)
    if not isinstance(payload, dict):
        raise Unavailable(f"Shopify did not say whether {what} was done", maybe_done=True)
    errors = payload.get("userErrors") or []
    if errors:
        said = "; ".join(str(error.get("message")) for error in errors if isinstance(error, dict))
        raise AuthError(f"Shopify refuses {what}: {said}")
