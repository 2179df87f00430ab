"""The stand-in's webhooks: the queue of deliveries, signatures, pings, and what happens to failures.

As seen on WooCommerce 10.5.0: a delivery carries the order as it is when it is delivered, so that changes
before the queue runs are one; nothing is tried again; 200 to 302 is a success and a redirect is not followed;
the seventh failure in a row disables a webhook, and switching it on again does not reset the count.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import md5, sha256
from hmac import digest
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx

MOST_FAILURES = 6  # one more disables
TIMEOUT = 60.0
AGENT = "WooCommerce/10.5.0 Hookshot (WordPress/6.9.1)"


class Hooks:
    """``rows`` are the webhooks as the API shows them, by id."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self._ids = count(1)
        self._secrets: dict[int, str] = {}
        self._failures: dict[int, int] = {}
        self._queue: list[tuple[int, int]] = []

    def create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """A new webhook; without a secret it gets one that nobody ever learns."""
        number = next(self._ids)
        topic = str(wanted.get("topic", ""))
        resource, _, event = topic.partition(".")
        secret = str(wanted.get("secret") or sha256(str(number).encode()).hexdigest()[:50])
        row = {
            "id": number,
            "name": str(wanted.get("name") or f"Webhook created {number}"),
            "status": str(wanted.get("status") or "active"),
            "topic": topic,
            "resource": resource,
            "event": event,
            "delivery_url": str(wanted.get("delivery_url", "")),
            "pending_delivery": False,
        }
        self.rows[number] = row
        self._secrets[number] = secret
        return row

    def change(self, number: int, changes: dict[str, Any]) -> dict[str, Any]:
        """What a PUT does; the count of failures stays."""
        if "secret" in changes:
            self._secrets[number] = str(changes["secret"])
        self.rows[number] |= {name: value for name, value in changes.items() if name in self.rows[number]}
        return self.rows[number]

    def delete(self, number: int) -> dict[str, Any]:
        """For good."""
        return self.rows.pop(number)

    def happened(self, topic: str, order: int) -> None:
        """Queue a delivery to each active webhook of the topic, once."""
        for number, row in self.rows.items():
            if row["topic"] == topic and row["status"] == "active" and (number, order) not in self._queue:
                self._queue.append((number, order))

    def take(self) -> tuple[int, int] | None:
        """The next delivery: (webhook, order)."""
        return self._queue.pop(0) if self._queue else None

    def send(
        self, number: int, order: int, body_of: Callable[[str, int], bytes], now: datetime
    ) -> int | None:
        """Deliver once and count; the answer's status, None without one."""
        row = self.rows.get(number)
        if row is None or row["status"] != "active":
            return None
        body = body_of(row["topic"], order)
        headers = headers_of(body, row["topic"], self._secrets[number], number, now, "http://127.0.0.1")
        try:
            with httpx.Client(timeout=TIMEOUT) as client:
                status = client.post(row["delivery_url"], content=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            status = None
        if status is not None and 200 <= status <= 302:
            self._failures[number] = 0
        else:
            self._failures[number] = self._failures.get(number, 0) + 1
            if self._failures[number] > MOST_FAILURES:
                row["status"] = "disabled"
        return status


def headers_of(body: bytes, topic: str, secret: str, number: int, now: datetime, home: str) -> dict[str, str]:
    """The headers of a delivery, names in lower case. Deliveries of one second share their id."""
    resource, _, event = topic.partition(".")
    return {
        "content-type": "application/json",
        "user-agent": AGENT,
        "x-wc-webhook-source": f"{home}/",
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-signature": signature(body, secret),
        "x-wc-webhook-id": str(number),
        "x-wc-webhook-delivery-id": md5(f"{number}{now}".encode(), usedforsecurity=False).hexdigest(),
    }


def signature(body: bytes, secret: str) -> str:
    """Entities in the secret are decoded before it signs."""
    return b64encode(digest(html.unescape(secret).encode(), body, sha256)).decode()


def gone() -> bytes:
    """What is delivered, signed, of an order that was deleted for good meanwhile."""
    error = {
        "code": "woocommerce_rest_shop_order_invalid_id",
        "message": "Invalid ID.",
        "data": {"status": 404},
    }
    return json.dumps(error).encode()


def is_deliverable(url: str) -> bool:
    """What WooCommerce accepts as an address."""
    return urlsplit(url).scheme in ("http", "https")
