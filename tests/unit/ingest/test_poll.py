"""How shops are read: the pace that a shop asks for, and orders that it does not show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from connector.ingest.lookup import look
from connector.ingest.poll import LONGEST_WAIT, poll
from connector.ingest.reconcile import reconcile
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.errors import Hidden
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
from connector.state import cursors, stores
from tests.state import NOW, State, open_state


class Scripted(Adapter[StrictModel, NoOptions]):
    """A shop of one order that asks for these waits between its pages, and shows nothing from ``hidden``."""

    Credentials = StrictModel
    traits = Traits(title="Scripted", ids="integer", webhooks=False, history=True, verified="here")
    waits: Sequence[float] = ()
    hidden: datetime | None = None
    asked: tuple[float, ...] = ()  # when pages were asked for

    async def check(self) -> ShopReport:
        return ShopReport(findings=[])

    async def changed(self, read: Poll | History) -> Page:
        self.http.sent += 1
        self.asked += (asyncio.get_running_loop().time(),)
        at = int(read.cursor or 0)
        more = at < len(self.waits)
        found = [] if at else [self.document]
        return Page(documents=found, cursor=str(at + 1), more=more, wait=self.waits[at] if more else 0.0)

    async def fetch(self, ref: str) -> Document | None:
        if self.hidden is None:
            return self.document
        raise Hidden("the shop shows no such order", before=self.hidden)

    def parse(self, document: Document) -> Order:
        return Order(
            ref=document.ref,
            placed_at=NOW,
            changed_at=document.changed_at,
            currency="USD",
            total=Decimal(document.body["total"]),
            financial=Status(value=FinancialStatus.PAID, origin="here"),
            fulfillment=Status(value=FulfillmentStatus.UNFULFILLED, origin="here"),
            email="ann@shop.example",
        )

    def read_webhook(self, request: WebhookRequest, secrets: Sequence[str]) -> Notice:
        return Notice()

    @property
    def document(self) -> Document:
        return Document(ref="7", changed_at=NOW, body={"total": 95})


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def shop_of(state: State, adapter: Scripted) -> Shop:
    facts = state.do(stores.facts, "acme")
    assert facts is not None
    return Shop(
        name="acme",
        account="main",
        adapter=adapter,
        mapper=Mapper(MappingSettings(), Numbering(store="acme", strategy=Strategy.NATIVE)),
        facts=facts,
        db=state.db,
        clock=state.clock,
    )


def scripted() -> Scripted:
    return Scripted(url="https://x", credentials=StrictModel(), options=NoOptions(), http=Http())


def cursor(state: State) -> str:
    def work(connection: Connection) -> str:
        found = cursors.get(connection, "acme", "orders")
        return found.value if found else ""

    return state.do(work)


async def test_a_round_waits_between_pages_as_the_shop_asks(state: State) -> None:
    adapter = scripted()
    adapter.waits = (0.01, 0.01, 0.0)
    assert await poll(shop_of(state, adapter))
    assert cursor(state) == "4"


async def test_a_long_wait_is_for_the_next_round(state: State) -> None:
    adapter = scripted()
    adapter.waits = (0.0, LONGEST_WAIT + 1, 0.0)
    shop = shop_of(state, adapter)
    assert await poll(shop)
    assert cursor(state) == "2"
    assert await poll(shop)
    assert cursor(state) == "4"


async def test_two_readings_again_keep_their_pace_together(state: State) -> None:
    adapter = scripted()
    adapter.waits = (0.0, 0.0)
    shop = shop_of(state, adapter)
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    await asyncio.gather(*(reconcile(shop, *span, pace=0.05) for _ in range(2)))
    assert len(adapter.asked) == 6
    assert min(later - earlier for earlier, later in pairwise(adapter.asked)) > 0.049


@pytest.mark.parametrize(("shown_for", "gone"), [(timedelta(days=-1), False), (timedelta(days=1), True)])
async def test_an_order_is_gone_only_if_the_shop_would_show_it(
    state: State, shown_for: timedelta, gone: bool
) -> None:
    adapter = scripted()
    shop = shop_of(state, adapter)
    await poll(shop)
    (claim,) = state.claim()
    state.settle(claim)
    adapter.hidden = NOW - shown_for
    assert await look(shop, ["7", "8"], "test") == ["8"]
    assert bool(state.claim()) is gone
