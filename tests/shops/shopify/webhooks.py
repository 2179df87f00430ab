"""Webhook subscriptions of the stand-in and their signed deliveries over HTTP, from a thread of their own."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from itertools import count
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from tests.shops.shopify.documents import gid, money, when
from tests.shops.shopify.orders import Document, Order, Parcel

if TYPE_CHECKING:
    from tests.shops.shopify.bulk import Operation
    from tests.shops.shopify.shop import Shop

ATTEMPTS = 8  # consecutive failures, after which a subscription made through the API is deleted
LOOPBACK = "http://127.0.0.1"  # the real one takes https alone
_SCOPES = {"orders": "read_orders", "order_transactions": "read_orders", "refunds": "read_orders",
           "fulfillments": "read_fulfillments", "fulfillment_events": "read_fulfillments"}  # fmt: skip
_LONG = (
    "FULFILLMENT_EVENTS",
    "ORDER_TRANSACTIONS",
    "BULK_OPERATIONS",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT",
    "CUSTOMERS_MARKETING_CONSENT",
)  # resources of more than one word
COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")


@dataclass
class Subscription:
    """What the app asked to be told, and where."""

    id: int
    topic: str  # as in headers: orders/create
    uri: str
    failures: int = 0

    def document(self) -> Document:
        """``WebhookSubscription`` of the schema."""
        return {
            "__typename": "WebhookSubscription",
            "id": gid("WebhookSubscription", self.id),
            "legacyResourceId": str(self.id),
            "topic": enum(self.topic),
            "uri": self.uri,
            "callbackUrl": self.uri,
            "endpoint": {"__typename": "WebhookHttpEndpoint", "callbackUrl": self.uri},
            "format": "JSON",
            "includeFields": [],
            "metafieldNamespaces": [],
            "filter": None,
            "name": None,
            "createdAt": "2026-11-01T00:00:00Z",
            "updatedAt": "2026-11-01T00:00:00Z",
            "apiVersion": {"handle": "2026-10", "displayName": "2026-10", "supported": True},
        }


@dataclass
class Delivery:
    """One message for one subscription. ``answers`` are the statuses it met; 0 stands for none."""

    uri: str
    topic: str
    headers: dict[str, str]
    body: bytes
    subscription: Subscription | None
    answers: list[int] = field(default_factory=list)


class Webhooks:
    """``sent`` holds every delivery that was tried; ``compliance_uri`` is set up for the app, not by API."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._ids = count(1_300_000_000_001)
        self._queue: SimpleQueue[Delivery | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.subscriptions: dict[int, Subscription] = {}
        self.sent: list[Delivery] = []
        self.compliance_uri = ""
        self.retry_seconds = 0.1  # the real one takes four hours for its eight retries
        self.held = False  # while true, nothing leaves; ``release`` sends it all

    # Subscriptions

    def create(self, topic: str, uri: str) -> tuple[Subscription | None, str]:
        """The new subscription, or why there is none."""
        path = topic_path(topic)
        if path in COMPLIANCE or _SCOPES.get(path.partition("/")[0], "") not in {"", *self._shop.scopes}:
            return None, "You cannot create a webhook subscription with the specified topic"
        if not uri.startswith(("https://", LOOPBACK)):
            return None, "Address protocol is not supported"
        if any((one.topic, one.uri) == (path, uri) for one in self.subscriptions.values()):
            return None, "Address for this topic has already been taken"
        made = Subscription(next(self._ids), path, uri)
        self.subscriptions[made.id] = made
        return made, ""

    def delete(self, id: int) -> bool:
        """Whether there was one to delete."""
        return self.subscriptions.pop(id, None) is not None

    # Deliveries

    def announce(self, order: Order, topics: Iterable[str], parcel: Parcel | None = None) -> None:
        """Tells every subscriber of these topics. Deliveries of one action share an event id."""
        event = str(uuid4())
        for topic in topics:
            for one in list(self.subscriptions.values()):
                if one.topic == topic:
                    body = encode(self.body(topic, order, parcel))
                    self._put(Delivery(one.uri, topic, self.headers(topic, body, event), body, one))

    def announce_bulk(self, operation: Operation) -> None:
        """Tells that a bulk operation ended; in lower case and without the address of its file."""
        error = operation.error and operation.error.lower()
        body = encode(
            {
                "admin_graphql_api_id": gid("BulkOperation", operation.id),
                "completed_at": when(operation.completed_at),
                "created_at": when(operation.created_at),
                "error_code": error,
                "status": operation.status.lower(),
                "type": "query",
            }
        )
        for one in list(self.subscriptions.values()):
            if one.topic == "bulk_operations/finish":
                self._put(Delivery(one.uri, one.topic, self.headers(one.topic, body), body, one))

    def compliance(self, topic: str, order: Order | None) -> None:
        """A privacy message about the buyer of an order, or about the shop."""
        assert topic in COMPLIANCE
        body: Document = {"shop_id": 954889, "shop_domain": self._shop.domain}
        if order is not None:
            buyer = order.customer
            body["customer"] = {
                "id": buyer.id if buyer else None,
                "email": order.email,
                "phone": order.phone,
            }
            numbers = [
                one.id
                for one in self._shop.orders.values()
                if one is order or (buyer and one.customer is buyer)
            ]
            body["orders_to_redact" if topic == "customers/redact" else "orders_requested"] = numbers
        if topic == "customers/data_request":
            body["data_request"] = {"id": 9999}
        text = encode(body)
        self._put(Delivery(self.compliance_uri, topic, self.headers(topic, text, str(uuid4())), text, None))

    def release(self) -> None:
        """Nothing is held back any longer."""
        self.held = False
        self._queue.put(None)

    def close(self) -> None:
        """Ends the thread; what was not delivered yet is dropped."""
        self.subscriptions.clear()
        if self._thread is not None:
            self.held = False
            thread, self._thread = self._thread, None
            self._queue.put(None)
            thread.join()

    def headers(self, topic: str, body: bytes, event: str = "", secret: str = "") -> dict[str, str]:
        """What a delivery says of itself, signed with the app's secret."""
        signature = digest((secret or self._shop.client_secret).encode(), body, sha256)
        now = self._shop.clock.now()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": b64encode(signature).decode(),
            "X-Shopify-Shop-Domain": self._shop.domain,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": str(uuid4()),
            "X-Shopify-Event-Id": event or str(uuid4()),
            "X-Shopify-Triggered-At": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06}000Z",
        }

    def body(self, topic: str, order: Order, parcel: Parcel | None = None) -> Document:
        """The payload of a topic, as far as anybody could want to look into it."""
        resource = topic.partition("/")[0]
        if topic == "orders/delete":
            return {"id": order.id}
        if topic == "orders/edited":
            return {"order_edit": {"id": order.id + 5, "order_id": order.id, "notify_customer": False}}
        if resource == "orders":
            return rest_order(order)
        if resource in ("refunds", "order_transactions"):
            return {"id": order.id + 7, "order_id": order.id, "created_at": when(order.updated_at)}
        assert parcel is not None
        word = (parcel.display or "").lower()
        if resource == "fulfillment_events":
            return {
                "id": parcel.id + 3,
                "fulfillment_id": parcel.id,
                "order_id": order.id,
                "status": word,
                "happened_at": when(parcel.delivered_at or parcel.created_at),
                "admin_graphql_api_id": gid("FulfillmentEvent", parcel.id + 3),
            }
        shipment = None if word == "fulfilled" else word
        return {
            "id": parcel.id,
            "order_id": order.id,
            "status": parcel.status.lower(),
            "shipment_status": shipment,
            "email": order.email,
            "admin_graphql_api_id": gid("Fulfillment", parcel.id),
        }

    def _put(self, delivery: Delivery) -> None:
        if not delivery.uri:
            return
        if self._thread is None:
            self._thread = Thread(target=self._run, name="shopify webhooks", daemon=True)
            self._thread.start()
        self._queue.put(delivery)

    def _run(self) -> None:
        waiting: list[Delivery] = []
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while True:
                delivery = self._queue.get()
                if delivery is not None:
                    waiting.append(delivery)
                elif self._thread is None:
                    return
                while waiting and not self.held:
                    self._deliver(client, waiting.pop(0))

    def _deliver(self, client: httpx.Client, delivery: Delivery) -> None:
        subscription = delivery.subscription
        if subscription is not None and subscription.id not in self.subscriptions:
            return
        try:
            status = client.post(delivery.uri, content=delivery.body, headers=delivery.headers).status_code
        except httpx.HTTPError:
            status = 0
        delivery.answers.append(status)
        if len(delivery.answers) == 1:
            self.sent.append(delivery)
        if 200 <= status < 300:
            if subscription is not None:
                subscription.failures = 0
            return
        if subscription is not None:
            subscription.failures += 1
            if subscription.failures >= ATTEMPTS:
                self.delete(subscription.id)
                return
        if len(delivery.answers) <= ATTEMPTS and self._thread is not None:
            time.sleep(self.retry_seconds)
            self._queue.put(delivery)


def topic_path(enum: str) -> str:
    """``ORDERS_CREATE`` as headers write it."""
    for resource in _LONG:
        if enum.startswith(f"{resource}_"):
            return f"{resource.lower()}/{enum[len(resource) + 1 :].lower()}"
    resource, _, event = enum.partition("_")
    return f"{resource.lower()}/{event.lower()}"


def enum(path: str) -> str:
    """``orders/create`` as the schema writes it."""
    return path.replace("/", "_").upper()


def encode(body: Any) -> bytes:
    """JSON as Ruby prints it: nothing escaped that need not be, no blanks."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def rest_order(order: Order) -> Document:
    """An order in the words of webhooks and REST, shortened."""
    words = {"UNFULFILLED": None, "PARTIALLY_FULFILLED": "partial", "FULFILLED": "fulfilled"}
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "name": f"#{order.number}",
        "order_number": order.number,
        "created_at": when(order.created_at),
        "updated_at": when(order.updated_at),
        "cancelled_at": when(order.cancelled_at),
        "email": order.email or "",
        "phone": order.phone,
        "test": order.test,
        "currency": order.currency,
        "total_price": f"{order.total:.2f}",
        "total_price_set": {"shop_money": {"amount": money(order.total), "currency_code": order.currency}},
        "financial_status": (order.financial or "pending").lower(),
        "fulfillment_status": words.get(order.fulfillment),
        "customer": order.customer and {"id": order.customer.id, "email": order.customer.email},
        "line_items": [
            {"id": line.id, "sku": line.sku, "quantity": line.quantity, "price": f"{line.price:.2f}"}
            for line in order.lines
        ],
    }
