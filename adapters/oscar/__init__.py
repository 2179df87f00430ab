"""django-oscar with django-oscar-api (https://django-oscar-api.readthedocs.io/).

Quirks, each explained where it is met: no filters, no paging by default and no change times, so changes are
found by comparing (``orders``); ids in links only, lines and skus behind further requests (``client``);
statuses that are the project's own words (``parse``). No webhooks.

How verified: against a real django-oscar 4.2.1 with django-oscar-api 3.3.0, November 2026, with recordings
and documents of it, and a stand-in that keeps its rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.oscar import configuration, orders
from adapters.oscar.client import Client
from adapters.oscar.parse import FINANCIAL, parse
from connector.model.errors import Forged
from connector.model.order import Document, Order
from connector.runtime.http import Http
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
)
from connector.sdk.findings import identity_of, own_statuses

_MANY = 500  # orders from which on an unpaged list is worth a warning


class Oscar(Adapter[configuration.Credentials, configuration.Options]):
    """One shop."""

    Credentials = configuration.Credentials
    Options = configuration.Options
    traits = Traits(
        title="django-oscar",
        ids="integer",
        webhooks=False,
        history=True,
        verified="a real django-oscar 4.2.1 (make live), its recordings and documents, November 2026",
    )

    def __init__(
        self,
        *,
        url: str,
        credentials: configuration.Credentials,
        options: configuration.Options,
        http: Http,
    ) -> None:
        super().__init__(url=url, credentials=credentials, options=options, http=http)
        self._client = Client(http, self.url, credentials)

    async def check(self) -> ShopReport:
        """The list and one order's lines. The shop does not know its address, so it is the configured one."""
        listed = await self._client.orders()
        if listed.rows:
            await orders.document(self._client, listed.rows[0])
        return ShopReport(
            findings=[
                Finding(level="ok", subject="orders", message="can be read with these credentials"),
                _about_paging(len(listed.rows), whole=listed.whole),
                *own_statuses(
                    sorted({str(row.get("status")) for row in listed.rows}),
                    FINANCIAL,
                    "financial_status",
                    "fulfillment_status",
                ),
            ],
            identity=identity_of(self.url),
        )

    async def changed(self, read: Poll | History) -> Page:
        """See ``orders``."""
        if isinstance(read, History):
            return await orders.history(read, self._client)
        return await orders.poll(read, self._client, self.options.watch)

    async def fetch(self, ref: str) -> Document | None:
        """One order with its lines."""
        if not ref.isdecimal():
            return None
        row = await self._client.order(ref)
        return None if row is None else await orders.document(self._client, row)

    def document(self, body: dict[str, Any], arrived_at: datetime) -> Document:
        """A row of the list with its lines in it, or both apart as ``order`` and ``lines``."""
        return from_elsewhere(orders.together, body, "url")

    def parse(self, document: Document) -> Order:
        """See ``parse``."""
        return parse(document)

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        """The platform sends none, so whatever comes is not from it."""
        raise Forged("django-oscar sends no webhooks")


def _about_paging(rows: int, *, whole: bool) -> Finding:
    if not whole:
        return Finding(level="ok", subject="list", message=f"comes in pages, the first with {rows} orders")
    message = f"comes without pages: each poll reads all {rows} orders"
    if rows < _MANY:
        return Finding(level="ok", subject="list", message=message)
    message += "; let the project set REST_FRAMEWORK DEFAULT_PAGINATION_CLASS and PAGE_SIZE (100)"
    return Finding(level="warning", subject="list", message=message)
