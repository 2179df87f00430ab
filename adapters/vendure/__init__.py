"""Vendure v3, GraphQL Admin API (https://docs.vendure.io/reference/graphql-api/admin/).

Quirks, each explained where it is met: refusals with status 200 (``client``), change times that stand still
and lists (``orders``), cancellations that erase what was sold (``parse``), computed payment statuses
(``statuses``). Vendure sends no webhooks; a plugin of ours does, whose text stands beside the example store.

How verified: against a real Vendure 3.7.3 on PostgreSQL, November 2026, with recordings and documents of it,
and a stand-in that keeps its rules. Sellers' parts of orders (multi-vendor) and other decimals than two are
verified by the schema only, other databases than PostgreSQL not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.vendure import check, configuration
from adapters.vendure.client import Client
from adapters.vendure.orders import FEEDS, Orders, document
from adapters.vendure.parse import parse
from connector.model.order import Document, Order
from connector.runtime.http import Http
from connector.sdk import keyset
from connector.sdk.contract import (
    Adapter,
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


class Vendure(Adapter[configuration.Credentials, configuration.Options]):
    """One Vendure server, or one of its channels."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="Vendure",
        ids="integer",  # UUIDs where the shop sets UuidIdStrategy: then the store says hash
        webhooks=True,
        history=True,
        verified="a real Vendure 3.7.3 (make live), its recordings and documents, November 2026",
    )
    feeds = tuple(FEEDS)

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        self.batch = options.page_size
        types = ("Seller",) if options.seller_orders else ("Regular", "Aggregate")
        self._api = Client(http, self.url, credentials, options)
        self._orders = Orders(self._api, types)
        size = keyset.PageSize(options.page_size)
        self._feeds = {feed: keyset.Reader(self._orders.listed(time), size) for feed, time in FEEDS.items()}

    async def check(self) -> ShopReport:
        """See ``check``."""
        return await check.diagnose(self._api, self._orders, self.url, self.options)

    async def changed(self, read: Poll | History) -> Page:
        """One page of the list of orders; history is by the time of placing."""
        if isinstance(read, History):
            return await self._feeds["placed"].history(read)
        return await self._feeds[read.feed].poll(read)

    async def fetch(self, ref: str) -> Document | None:
        """One order; None also for one of a type that this store does not read (a seller's part)."""
        return await self._orders.order(ref)

    async def fetch_many(self, refs: Sequence[str]) -> Sequence[Document]:
        """By their ids, as one list."""
        return [document(body) for body in (await self._orders.some(refs)).bodies]

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """As a list gives it; its change time is its own."""
        return from_elsewhere(document, body, "id")

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return parse(document)

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """What our plugin sends."""
        return order_notice(request, secrets)
