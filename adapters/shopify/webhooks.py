"""Shopify's webhooks: signed with the app's client secret, hints otherwise.

Deliveries can be doubled, late and out of order, and a retry carries the old body; so an order is always
fetched afresh (https://shopify.dev/docs/apps/build/webhooks/verify-deliveries). The three privacy topics are
set in the app's configuration, not through the API; one app can serve several shops with one secret, so what
they ask to erase must name this shop. The signature is of the body alone, and not of the topic beside it: a
body that is another topic's (whoever once saw a delivery has one) erases nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.model.errors import Forged
from connector.runtime import exact_json, foreign_json
from connector.sdk.contract import Erasure, Notice, WebhookRequest, signed

TOPICS = (
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_PAID",
    "ORDERS_FULFILLED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "FULFILLMENTS_UPDATE",
    "FULFILLMENT_EVENTS_CREATE",  # a carrier's delivery need not move the order's own change time
)

# What a privacy topic's body does not have, and that of another topic has.
_OF_AN_ORDER = {"id", "order_id", "line_items", "admin_graphql_api_id"}
_OF_OTHERS = {
    "shop/redact": {"customer", "orders_to_redact", "orders_requested", "data_request", *_OF_AN_ORDER},
    "customers/redact": {"orders_requested", "data_request", *_OF_AN_ORDER},
    "customers/data_request": {"orders_to_redact", *_OF_AN_ORDER},
}

Body = Mapping[str, Any]


def notice(request: WebhookRequest, secrets: Sequence[str], domain: str) -> Notice:
    """What a delivery says. ``domain`` is this shop's, empty when it is not known. Raises Forged."""
    if not signed(request.body, request.headers.get("x-shopify-hmac-sha256", ""), secrets):
        raise Forged("the webhook is signed neither with credentials.client_secret nor with webhook_secret")
    topic = request.headers.get("x-shopify-topic", "").lower()
    try:
        value: Any = foreign_json.decode(request.body, mend_bytes=True)
    except exact_json.NotJSON:
        value = None
    body: Body = value if isinstance(value, dict) else {}
    if topic in _OF_OTHERS:
        if others := sorted(_OF_OTHERS[topic] & body.keys()):
            raise Forged(f"{topic} came with a body of another topic: it has {others[0]}")
        return _of_privacy(topic, body, domain)
    if topic == "app/uninstalled":
        return Notice(note="the app was uninstalled from the shop; its token is no longer valid")
    group, _, event = topic.partition("/")
    if group == "orders":  # most bodies are the order; edits and links name it
        return _about(body.get("id") or _part(body, "order_edit").get("order_id"))
    if group in ("fulfillments", "fulfillment_events", "refunds", "order_transactions") and event:
        return _about(body.get("order_id"))
    return Notice()


def _of_privacy(topic: str, body: Body, domain: str) -> Notice:
    said = _text(body.get("shop_domain")).lower()
    if domain and said != domain:
        return Notice(
            note=f"{topic} for another shop ({said or 'not named'}) was sent here and is not followed"
        )
    if topic == "shop/redact":
        return Notice(erase=Erasure(everything=True), note="Shopify asks to erase all data of this shop")
    customer = _part(body, "customer")
    if topic == "customers/data_request":
        number = _part(body, "data_request").get("id")
        return Notice(
            note=f"a buyer asks which data is held of them (Shopify's data request {number}, customer "
            f"{customer.get('id')}); answer them within 30 days"
        )
    contacts = [_text(customer.get(name)) for name in ("email", "phone")]
    orders = body.get("orders_to_redact")
    refs = [_ref(order) for order in orders] if isinstance(orders, list) else []
    return Notice(
        erase=Erasure(
            contacts=tuple(contact for contact in contacts if contact), refs=tuple(ref for ref in refs if ref)
        ),
        note=f"Shopify asks to erase a buyer's data (customer {customer.get('id')})",
    )


def _about(value: Any) -> Notice:
    ref = _ref(value)
    return Notice(refs=(ref,)) if ref else Notice()


def _ref(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else ""


def _part(body: Body, name: str) -> Body:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
