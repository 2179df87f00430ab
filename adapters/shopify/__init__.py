"""Shopify, GraphQL Admin API 2026-10 or newer (https://shopify.dev/docs/api/admin-graphql).

Quirks, each explained where it is met: tokens that live for a day (``access``), refusals with status 200
(``client``), a search index that lags (``orders``), reports prepared in the background (``bulk``), orders
that are hidden after 60 days (``listing``), amounts with tax in them (``parse``), privacy webhooks
(``webhooks``).

Of the package shopifyapi the parts without traffic are used (``shopifyapi``): its check of shop domains, its
scopes and its versions. Its GraphQL call has no time-out, prints bodies of errors and keeps tokens in global
state.

How verified: every query against Shopify's whole schema of 2026-10; documents of development stores of 2025
and 2026, and Shopify's documentation. No shop of ours was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.shopify import check, configuration, orders, subscriptions, webhooks
from adapters.shopify.access import is_local, shop_domain
from adapters.shopify.bulk import BulkHistory
from adapters.shopify.client import Client
from adapters.shopify.documents import node
from adapters.shopify.listing import Listing
from adapters.shopify.parse import parse
from connector.model.errors import AuthError
from connector.model.order import Document, Order
from connector.runtime.http import Http
from connector.sdk.contract import (
    Adapter,
    History,
    Notice,
    Page,
    Poll,
    ShopReport,
    Subscribes,
    Subscription,
    Traits,
    WebhookRequest,
    from_elsewhere,
)


class Shopify(Adapter[configuration.Credentials, configuration.Options], Subscribes):
    """One Shopify shop."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="Shopify",
        ids="integer",
        webhooks=True,
        history=True,
        verified="Shopify's schema of 2026-10, recorded documents of development stores, documentation",
    )
    topics = webhooks.TOPICS
    needs_secret = False
    batch = 20  # orders by id in one query, which costs points for each

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        self._client = Client(http, self.url, credentials, options)
        self._listing = Listing(self._client, options.page_size)
        self._history = BulkHistory(self._client, self._listing, options.bulk_above)

    async def check(self) -> ShopReport:
        """See ``check``."""
        return await check.diagnose(self._client, self._listing, self.options.api_version)

    async def changed(self, read: Poll | History) -> Page:
        """A page of changes, a page of history, or a look at a bulk operation."""
        if isinstance(read, History):
            return await self._history.read(read)
        return await orders.poll(read, self._listing)

    async def fetch(self, ref: str) -> Document | None:
        """One order, by its id and never by the search index, which lags."""
        return await self._listing.order(ref)

    async def fetch_many(self, refs: Sequence[str]) -> Sequence[Document]:
        """The same for several."""
        return await self._listing.several(refs)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """As this program keeps it, or a node of GraphQL with its connection of lines."""
        return from_elsewhere(node, body, "legacyResourceId")

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return parse(document, self.options.money)

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """See ``webhooks``. After the app's secret was changed, the old one still counts for an hour."""
        own = self.credentials.client_secret.get_secret_value()
        return webhooks.notice(request, [own, *secrets], self._domain())

    async def subscriptions(self) -> Sequence[Subscription]:
        """Those of this app."""
        return await subscriptions.every(self._client)

    async def subscribe(self, topic: str, address: str, secret: str) -> None:
        """Shopify signs with the app's own secret, so ``secret`` is not used."""
        await subscriptions.subscribe(self._client, topic, address)

    async def unsubscribe(self, id: str) -> None:
        """End one."""
        await subscriptions.unsubscribe(self._client, id)

    def _domain(self) -> str:
        """The shop's own domain, empty for a stand-in on this machine."""
        try:
            domain = shop_domain(self.url)
        except AuthError:
            return ""
        return "" if is_local(domain) else domain
