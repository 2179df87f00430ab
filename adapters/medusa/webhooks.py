"""What the shop's subscriber sends: ``config/stores/medusa.subscriber.js`` is its text.

Medusa sends no webhooks of its own. Its events name an order, a payment or a fulfilment; the subscriber finds
the order, so that every delivery says ``{"event": …, "order_id": …}``. It signs the raw body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector import exact_json
from connector.adapter import Notice, WebhookRequest, signed
from connector.errors import Forged

HEADER = "x-connector-signature"  # base64 of HMAC-SHA256
HINT = (
    "Medusa sends none of its own, so orders are found by polling; with medusa.subscriber.js in the shop "
    "(connector init medusa writes it) they arrive at once"
)


def notice(request: WebhookRequest, secrets: Sequence[str]) -> Notice:
    """The order that a delivery is about; nothing for one that says no order. Raises Forged."""
    if not signed(request.body, request.headers.get(HEADER, ""), secrets):
        raise Forged("the webhook is not signed with this store's webhook_secret")
    try:
        value: Any = exact_json.decode(request.body)
    except exact_json.NotJSON:
        return Notice()
    ref = value.get("order_id") if isinstance(value, dict) else None
    return Notice(refs=(ref,)) if isinstance(ref, str) and ref else Notice()
