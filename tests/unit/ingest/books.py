"""A shop of a few orders held in memory, for tests of what the engine makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.order import Document, FinancialStatus, FulfillmentStatus, Order, Status
from connector.runtime.http import Http
from connector.sdk.contract import (
    Adapter,
    History,
    NoOptions,
    Notice,
    Page,
    Poll,
    ShopReport,
    StrictModel,
    Traits,
    WebhookRequest,
)
from connector.state import stores
from tests.state import NOW, State


class Books(Adapter[StrictModel, NoOptions]):
    """Every list has all orders. A body has ``placed`` and ``changed`` (ISO 8601), ``total``, and more."""

    Credentials = StrictModel
    traits = Traits(title="Books", ids="integer", webhooks=False, history=True, verified="here")
    as_of: datetime | None = None

    def __init__(self) -> None:
        super().__init__(url="https://x", credentials=StrictModel(), options=NoOptions(), http=Http())
        self.orders: dict[str, dict[str, Any]] = {}

    def write(self, ref: str, *, placed: datetime = NOW, changed: datetime = NOW, **more: Any) -> Document:
        """The order as the shop has it from now on."""
        times = {"placed": placed.isoformat(), "changed": changed.isoformat()}
        self.orders[ref] = {"total": 95, **more, **times}
        return self.listed(ref)

    def listed(self, ref: str) -> Document:
        """The order as the shop gives it."""
        body = self.orders[ref]
        return Document(ref=ref, changed_at=datetime.fromisoformat(body["changed"]), body=body)

    async def check(self) -> ShopReport:
        return ShopReport(findings=[])

    async def changed(self, read: Poll | History) -> Page:
        found = [self.listed(ref) for ref in self.orders]
        return Page(documents=found, cursor="1", more=False, as_of=self.as_of)

    async def fetch(self, ref: str) -> Document | None:
        return self.listed(ref) if ref in self.orders else None

    def parse(self, document: Document) -> Order:
        body = document.body
        return Order(
            ref=document.ref,
            placed_at=_time(body, "placed"),
            placed_by=_time(body, "placed") or _time(body, "paid"),
            lacks={} if "placed" in body else {"order_date": "placed: is missing"},
            changed_at=document.changed_at,
            currency="USD",
            total=Decimal(body["total"]),
            financial=Status(value=FinancialStatus.PAID, origin="here"),
            fulfillment=Status(value=FulfillmentStatus.UNFULFILLED, origin="here"),
            email="ann@shop.example",
        )

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        return Notice()


def _time(body: dict[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(body[name]) if name in body else None


def shop_of(state: State, adapter: Books, **changed: Any) -> Shop:
    """The store ``acme`` with this shop; ``mapping`` are its mapping's settings."""
    facts = state.do(stores.facts, "acme")
    assert facts is not None
    mapping = MappingSettings.model_validate(changed.pop("mapping", {}))
    values: dict[str, Any] = {
        "name": "acme",
        "account": "main",
        "adapter": adapter,
        "mapper": Mapper(mapping, Numbering(store="acme", strategy=Strategy.NATIVE)),
        "facts": facts,
        "live_window": timedelta(hours=24),
        "db": state.db,
        "clock": state.clock,
    }
    return Shop(**values | changed)
