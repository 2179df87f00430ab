"""WooCommerce, REST API v3 (https://woocommerce.github.io/woocommerce-rest-api-docs/), 5.8 or newer.

Quirks, each explained where it is met: signing over plain http (``oauth1``), dirty answers (``client``),
paging that shifts (``paging``), bounds in the hours when clocks change (``site_clock``), trash as a list of
its own (here), webhooks that are no more than hints (``webhooks``).

How verified: against recordings and documents of a real WooCommerce 10.5.0 (WordPress 6.9.1, HPOS) of
November 2026, and a stand-in that keeps its rules. Legacy order storage is verified by documentation only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.woocommerce import configuration, diagnosis, paging, subscriptions, webhooks
from adapters.woocommerce.client import Client
from adapters.woocommerce.documents import document
from adapters.woocommerce.listing import Listing
from adapters.woocommerce.parsing import parse
from adapters.woocommerce.site_clock import SiteClock
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

_LISTS = {"orders": "any", "trash": "trash"}  # status=any leaves the trash out, and any,trash is any


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
    feeds = tuple(_LISTS)
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
        self._listing = Listing(self._client.get, options.page_size)
        self._clock: SiteClock | None = None

    async def check(self) -> ShopReport:
        """See ``diagnosis``. The shop's clock is shown, not judged: the present is the engine's to know."""
        return await diagnosis.diagnose(self._client, self._listing)

    async def changed(self, read: Poll | History) -> Page:
        """One request to the list of orders."""
        clock = await self._site_clock()
        if isinstance(read, History):
            return await paging.history(read, self._listing, clock)
        return await paging.poll(read, _LISTS[read.feed], self._listing, clock)

    async def fetch(self, ref: str) -> Document | None:
        """One order, also from the trash, and also in a status whose plugin is gone."""
        if not ref.isdecimal():
            return None
        answer = await self._client.get_or_none(f"orders/{ref}")
        return None if answer is None else document(answer.value)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """As a list gives it; its change time is its own."""
        return from_elsewhere(document, body, "id")

    def parse(self, document: Document) -> Order:
        """See ``parsing``."""
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

    async def _site_clock(self) -> SiteClock:
        """Asked for once. A clock of which the site tells nothing counts as one that never jumps."""
        if self._clock is None:
            try:
                answer = await self._client.index("timezone_string,gmt_offset")
            except AuthError:  # a plugin closes the index to the public; WooCommerce's part is open to us
                index: dict[str, Any] = {}
            else:
                index = answer.value if isinstance(answer.value, dict) else {}
            try:
                self._clock = SiteClock.of(index)
            except ValueError:
                self._clock = SiteClock()
        return self._clock
