"""WooCommerce's webhooks: signed deliveries, an unsigned ping, and bodies that are no order."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from connector.model.errors import Forged
from connector.runtime import exact_json
from connector.sdk.contract import Notice, WebhookRequest, signed

_PING = re.compile(rb"webhook_id=\d+")


def notice(request: WebhookRequest, secrets: Sequence[str]) -> Notice:
    """The order that a delivery is about; nothing for a ping, and for an error object.

    WooCommerce decodes HTML entities in a secret before it signs: one entered with ``&amp;`` signs with
    ``&``. ``X-WC-Webhook-Delivery-ID`` is no identity: two orders in one second share it. Raises Forged.
    """
    signature = request.headers.get("x-wc-webhook-signature", "")
    if not signature and _PING.fullmatch(request.body.strip()):
        return Notice()  # sent while a webhook is created; it says nothing
    spellings = [spelling for secret in secrets for spelling in (secret, html.unescape(secret))]
    if not signed(request.body, signature, spellings):
        raise Forged("the webhook is not signed with this store's webhook_secret")
    if request.headers.get("x-wc-webhook-resource", "order") != "order":
        return Notice()
    ref = _id(request.body)
    return Notice(refs=(str(ref),)) if ref else Notice()


def _id(body: bytes) -> int:
    """Zero for REST error objects, which are signed too: the order was deleted, the webhook's owner was."""
    try:
        value: Any = exact_json.decode(body)
    except exact_json.NotJSON:
        return 0
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
