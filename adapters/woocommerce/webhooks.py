"""WooCommerce's webhooks: signed deliveries, an unsigned ping, and bodies that are no order."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from connector.model.errors import Forged
from connector.runtime import exact_json, foreign_json
from connector.sdk.contract import Notice, WebhookRequest, signed

_PING = re.compile(rb"webhook_id=\d+")
_CODE = re.compile(r"[a-z0-9_-]{1,80}", re.IGNORECASE)


def notice(request: WebhookRequest, secrets: Sequence[str]) -> Notice:
    """The order that a delivery is about; nothing for a ping, and a sentence for an error object.

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
    body = _object(request.body)
    found = body.get("id")
    if isinstance(found, int) and not isinstance(found, bool) and found > 0:
        return Notice(refs=(str(found),))
    return Notice(note=_trouble(body))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value: Any = foreign_json.decode(body, mend_bytes=True)
    except exact_json.NotJSON:
        return {}
    return value if isinstance(value, dict) else {}


def _trouble(body: dict[str, Any]) -> str:
    """What a REST error object says, which WooCommerce signs and delivers in an order's place.

    It reads the order as the webhook's owner (``WC_Webhook::build_payload``), so it gets an error when that
    user was deleted or lost rights; and for an order that was deleted before its delivery, which is no news.
    """
    code, data = body.get("code"), body.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    if not isinstance(code, str) or not code or status in (404, 410) or code.endswith("_invalid_id"):
        return ""
    said = code if _CODE.fullmatch(code) else "an error"
    if status in (401, 403) or "cannot" in code:
        return (
            f"its webhooks bring an error ({said}) in place of orders: the user who owns them may not read "
            "orders any more. Give that user the right again, or make them anew: connector webhooks register "
            "STORE --renew. Until then changes are found by polling"
        )
    return (
        f"a webhook brought an error ({said}) in place of an order; the order is found by polling. If that "
        "happens again, look into the shop's log"
    )
