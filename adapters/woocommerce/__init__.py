"""WooCommerce, REST API v3 (https://woocommerce.github.io/woocommerce-rest-api-docs/), 5.8 or newer.

Quirks, each explained where it is met: signing over plain http (``oauth1``), dirty answers (``client``),
lists that cannot be sorted by time and statuses that they leave out (``orders``), bounds in the hour when
clocks skip one (``site_clock``), webhooks that are no more than hints (``webhooks``).

How verified: against recordings and documents of a real WooCommerce 10.5.0 (WordPress 6.9.1, HPOS) of
November 2026, and a stand-in that keeps its rules. Legacy order storage is verified by documentation only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.woocommerce import check, configuration, orders, subscriptions, webhooks
from adapters.woocommerce.client import Client
from adapters.woocommerce.orders import document
from adapters.woocommerce.parse import parse
from adapters.woocommerce.site import LOOK_BACK, Site
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
    Subscribes,
    Subscription,
    Traits,
    WebhookRequest,
    from_elsewhere,
)


class WooCommerce(Adapter[configuration.Credentials, configuration.Options], Subscribes):
    """One WooCommerce shop."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="WooCommerce",
        ids="integer",
        webhooks=True,
        history=True,
        verified="recordings and documents of a real WooCommerce 10.5.0, November 2026",
    )
    feeds = ("orders", "trash")
    topics = subscriptions.TOPICS

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        oauth = options.authentication == "oauth" or (
            options.authentication == "auto" and not self.url.lower().startswith("https:")
        )
        self._client = Client(
            http,
            self.url,
            key=credentials.consumer_key.get_secret_value(),
            secret=credentials.consumer_secret.get_secret_value(),
            oauth=oauth,
        )
        self._site = Site(self._client)
        self._one = orders.one(self._client)
        size = keyset.PageSize(options.page_size)
        self._changes, self._trash, self._history = (
            keyset.Reader(orders.listed(self._client, self._site, kind), size)
            for kind in ("modified", "trash", "created")
        )

    async def check(self) -> ShopReport:
        """See ``check``. The shop's clock is shown, not judged: the present is the engine's to know."""
        return await check.diagnose(self._client, self._history.listing)

    async def changed(self, read: Poll | History) -> Page:
        """One page of the list of orders."""
        await self._site.refresh()
        if isinstance(read, History):
            return await self._history.history(read)
        if read.feed == "trash":
            return await self._trash.poll(read)
        if not (self._site.grown and self._changes.begins(read)):
            return await self._changes.poll(read)
        page = await self._changes.poll(read, LOOK_BACK)
        self._site.grown = False
        return page

    async def fetch(self, ref: str) -> Document | None:
        """One order, also from the trash, and also in a status whose plugin is gone."""
        return await self._one(ref)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """As a list gives it; its change time is its own."""
        return from_elsewhere(document, body, "id")

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return parse(document, self.options)

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """See ``webhooks``."""
        return webhooks.notice(request, secrets)

    async def subscriptions(self) -> Sequence[Subscription]:
        """See ``subscriptions``."""
        return await subscriptions.listed(self._client)

    async def subscribe(self, topic: str, address: str, secret: str) -> None:
        """The key needs the permission Read/Write."""
        await subscriptions.create(self._client, topic, address, secret)

    async def unsubscribe(self, id: str) -> None:
        """The same."""
        await subscriptions.delete(self._client, id)
