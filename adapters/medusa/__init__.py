"""Medusa v2, Admin API (https://docs.medusajs.com/api/admin).

Quirks, each explained where it is met: a capture moves no order's change time (so there is a second feed,
``payments``), paging by offset loses rows, and filters that it does not know are ignored in silence
(``orders``); amounts are never rounded, and a total falls with each refund (``parse``); no webhooks of its
own (our subscriber sends some: ``config/stores/medusa.subscriber.js``).

How verified: against a real Medusa 2.21.2 on PostgreSQL 15 in November 2026, by ``make live`` and by
recordings and documents of it. What only its source says is marked as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.medusa import configuration, orders, payments
from adapters.medusa.client import MOST_IDS, Client, document
from adapters.medusa.parse import parse
from connector.model.order import Document, Order
from connector.runtime.http import Http
from connector.sdk import keyset
from connector.sdk.contract import (
    Adapter,
    Finding,
    History,
    Notice,
    Page,
    Poll,
    ShopReport,
    Traits,
    WebhookRequest,
    from_elsewhere,
    order_notice,
)

_HINT = (
    "Medusa sends none of its own, so orders are found by polling; with medusa.subscriber.js in the shop "
    "(connector init medusa writes it) they arrive at once"
)


class Medusa(Adapter[configuration.Credentials, configuration.Options]):
    """One Medusa server."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="Medusa v2",
        ids="text",
        webhooks=True,
        history=True,
        verified="a real Medusa 2.21.2 (make live), its recordings and documents, November 2026",
    )
    feeds = ("orders", "payments")
    batch = MOST_IDS

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        self._client = Client(http, self.url, credentials.api_key.get_secret_value())
        size = keyset.PageSize(options.page_size)
        self._changes = keyset.Reader(orders.listed(self._client, "updated_at"), size)
        self._history = keyset.Reader(orders.listed(self._client, "created_at"), size)

    async def check(self) -> ShopReport:
        """One order and one payment as the feeds read them, and the shop's name.

        Medusa tells neither its version nor its address, so its store's id stands for it: another database
        behind the address is noticed, a copy of the same one is not.
        """
        shop = await self._client.stores()
        newest = await self._client.get("orders", {"limit": "1", "order": "-updated_at", "fields": "id"})
        await self._client.get("payments", {**payments.NEWEST, "limit": "1"})
        clock = f"; its clock says {newest.date:%Y-%m-%dT%H:%M:%SZ}" if newest.date else ""
        return ShopReport(
            findings=[
                Finding(level="ok", subject="shop", message=f"{shop.name or 'the store'} answers{clock}"),
                Finding(
                    level="ok",
                    subject="orders",
                    message=f"can be read with this key ({newest.count} of them), payments too",
                ),
                Finding(level="ok", subject="webhooks", message=_HINT),
            ],
            identity=shop.id.lower(),
        )

    async def changed(self, read: Poll | History) -> Page:
        """One page; for the feed ``payments`` the orders whose payments moved."""
        if isinstance(read, History):
            return await self._history.history(read)
        if read.feed == "payments":
            return await payments.poll(read, self._client)
        return await self._changes.poll(read)

    async def fetch(self, ref: str) -> Document | None:
        """One order; a draft too, which no list shows."""
        return await self._client.order(ref)

    async def fetch_many(self, refs: Sequence[str]) -> Sequence[Document]:
        """As far as the lists show them."""
        return await self._client.orders(refs)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """As a list gives it; its change time is its own."""
        return from_elsewhere(document, body, "id")

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return parse(document)

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """What our subscriber sends: it finds the order of events that name a payment or a fulfilment."""
        return order_notice(request, secrets)
