"""How shops are read: the pace that a shop asks for, and orders that it does not show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection

from connector.ingest.backfill import read_backfill
from connector.ingest.lookup import look
from connector.ingest.poll import LONGEST_WAIT, poll
from connector.ingest.reconcile import reconcile
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.backoff import Backoff
from connector.model.errors import AuthError, Hidden, Unavailable
from connector.model.order import Document, FinancialStatus, FulfillmentStatus, Order, Status
from connector.model.states import BreakerKind, BreakerScope
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
from connector.state import backfills, breakers, cursors, stores
from tests.state import NOW, State, open_state, transactions


class Scripted(Adapter[StrictModel, NoOptions]):
    """A shop of one order that asks for these waits between its pages, and shows nothing from ``hidden``."""

    Credentials = StrictModel
    traits = Traits(title="Scripted", ids="integer", webhooks=False, history=True, verified="here")
    waits: Sequence[float] = ()
    hidden: datetime | None = None
    gaps: Sequence[str] = ()
    repeats: Sequence[int] = ()  # by page: its order came before, in the same reading
    asked: tuple[float, ...] = ()  # when pages were asked for

    async def check(self) -> ShopReport:
        return ShopReport(findings=[])

    async def changed(self, read: Poll | History) -> Page:
        self.http.sent += 1
        self.asked += (asyncio.get_running_loop().time(),)
        at = int(read.cursor or 0)
        more = at < len(self.waits)
        repeats = self.repeats[at] if at < len(self.repeats) else 0
        found = [self.listed] if repeats or not at else []
        wait = self.waits[at] if more else 0.0
        return Page(
            documents=found, cursor=str(at + 1), more=more, wait=wait, gaps=self.gaps, repeats=repeats
        )

    async def fetch(self, ref: str) -> Document | None:
        if self.hidden is None:
            return self.listed
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
    def listed(self) -> Document:
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


async def test_what_a_poll_stepped_over_stands_until_it_is_read_and_nothing_rests(state: State) -> None:
    adapter = scripted()
    adapter.gaps = [f"order {number} cannot be read" for number in range(5)]
    shop = shop_of(state, adapter)
    assert await poll(shop)
    assert await poll(shop)
    (gap,) = state.do(breakers.every)
    assert (gap.scope, gap.name, gap.kind) == (BreakerScope.UNREAD, "acme", BreakerKind.GAP)
    assert "order 2 cannot be read; and 2 more" in gap.message
    assert not gap.rests(state.clock.steady())
    assert not gap.lasts
    adapter.gaps = ()
    assert await poll(shop)
    assert not state.do(breakers.every)


async def test_a_backfill_counts_orders_and_no_repeats_and_tells_what_it_stepped_over(state: State) -> None:
    adapter = scripted()
    adapter.waits, adapter.repeats, adapter.gaps = (0.0, 0.0), (0, 1, 1), ["order 8 cannot be read"]
    shop = shop_of(state, adapter)
    state.do(backfills.start, "acme", NOW - timedelta(days=1), NOW, NOW)
    while await read_backfill(shop) is not None:
        pass
    (done,) = state.do(backfills.every)
    assert (done.state, done.found) == ("read", 1)
    (gap,) = state.do(breakers.every)
    assert gap.scope is BreakerScope.UNREAD_PAST


async def test_a_sum_without_the_orders_that_the_shop_cannot_show_does_not_add_up(state: State) -> None:
    adapter = scripted()
    adapter.gaps = ["order 7 cannot be read"]
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    done = await reconcile(shop_of(state, adapter), *span)
    assert done.unread == ["order 7 cannot be read"]
    assert not done.adds_up
    (gap,) = state.do(breakers.every)
    assert gap.scope is BreakerScope.UNREAD_PAST


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


class Faulty(Scripted):
    """A shop of two feeds; ``faults`` are what the next requests meet, by feed; ``pages`` each feed has."""

    feeds = ("orders", "refunds")
    pages = 1

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.faults: dict[tuple[str, int], Exception] = {}
        self.read: list[tuple[str, int]] = []

    async def changed(self, read: Poll | History) -> Page:
        feed = read.feed if isinstance(read, Poll) else "past"
        at = int(read.cursor or 0)
        self.read.append((feed, at))
        if (feed, at) in self.faults:
            raise self.faults[feed, at]
        found = [] if at else [self.listed]
        return Page(documents=found, cursor=str(min(at + 1, self.pages)), more=at + 1 < self.pages)


def faulty() -> Faulty:
    return Faulty(url="https://x", credentials=StrictModel(), options=NoOptions(), http=Http())


def trouble(state: State) -> breakers.Pause | None:
    return state.do(breakers.get, BreakerScope.SHOP, "acme")


@pytest.mark.parametrize("fault", [Unavailable("no answer"), KeyError("id"), RecursionError()])
async def test_a_feed_that_fails_does_not_keep_the_others_from_being_read(
    state: State, fault: Exception
) -> None:
    adapter = faulty()
    adapter.faults["orders", 0] = fault
    shop = shop_of(state, adapter)
    assert not await poll(shop)
    assert adapter.read == [("orders", 0), ("refunds", 0)]
    found = trouble(state)
    assert found is not None
    assert found.strikes == 1
    assert found.lasts is not isinstance(fault, Unavailable)
    adapter.faults.clear()
    state.clock.forward(10)
    assert await poll(shop)
    assert trouble(state) is None


@pytest.mark.parametrize("fault", [AuthError("refused"), Unavailable("busy", retry_after=30.0)])
async def test_a_fault_of_the_whole_shop_costs_one_request(state: State, fault: Exception) -> None:
    adapter = faulty()
    adapter.faults["orders", 0] = fault
    shop = shop_of(state, adapter)
    assert not await poll(shop)
    assert not await poll(shop)  # it rests
    assert adapter.read == [("orders", 0)]


async def test_a_round_keeps_what_it_has_and_only_rounds_without_progress_count(state: State) -> None:
    adapter = faulty()
    adapter.pages = 9
    shop = shop_of(state, adapter)
    for at in (2, 4, 6):  # each round comes further
        adapter.faults = {("orders", at): Unavailable("no answer")}
        assert not await poll(shop)
        assert cursor(state) == str(at)
        found = trouble(state)
        assert found is not None
        assert (found.strikes, found.rests(state.clock.steady())) == (1, False)
    for strikes in (2, 3):  # these do not
        assert not await poll(shop)
        found = trouble(state)
        assert found is not None
        assert found.strikes == strikes
    assert [place for place in adapter.read if place[0] == "orders"] == [
        ("orders", at) for at in (0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 6)
    ]


async def test_a_backfill_goes_on_at_the_page_that_failed_and_rests_with_its_shop(state: State) -> None:
    adapter = faulty()
    adapter.pages = 3
    shop = shop_of(state, adapter)
    begun = state.do(backfills.start, "acme", NOW - timedelta(days=9), NOW, NOW)
    adapter.faults = {("past", 1): Unavailable("no answer")}
    assert await read_backfill(shop) == 0.0
    for _ in range(2):
        with pytest.raises(Unavailable):
            await read_backfill(shop)
    adapter.faults.clear()
    state.do(breakers.fault, BreakerScope.SHOP, "acme", AuthError("no"), now=NOW, steady=state.clock.steady())
    wait = await read_backfill(shop)
    assert wait is not None
    assert wait > 10
    state.do(breakers.succeed, BreakerScope.SHOP, "acme")
    while await read_backfill(shop) is not None:
        pass
    assert adapter.read == [("past", at) for at in (0, 1, 1, 1, 2)]
    assert state.do(backfills.get, begun.id).state == "read"
    assert await read_backfill(shop) is None


class Poisoned(Scripted):
    """A shop that fails at the order 3, always."""

    fault: Exception = KeyError("id")
    fetched: tuple[str, ...] = ()

    async def fetch(self, ref: str) -> Document | None:
        self.fetched += (ref,)
        if ref == "3" or isinstance(self.fault, AuthError):
            raise self.fault
        return Document(ref=ref, changed_at=NOW, body={"total": 95})


@pytest.mark.parametrize("fault", [KeyError("id"), Unavailable("500")])
async def test_an_order_at_which_we_fail_does_not_keep_the_others_from_being_fetched(
    state: State, fault: Exception
) -> None:
    adapter = Poisoned(url="https://x", credentials=StrictModel(), options=NoOptions(), http=Http())
    adapter.fault = fault
    with pytest.raises(type(fault)):
        await look(shop_of(state, adapter), ["1", "2", "3", "4", "5"], "test")
    assert adapter.fetched == ("1", "2", "3", "4", "5")
    assert len(state.claim()) == 4


async def test_a_refused_key_ends_the_looks_at_once(state: State) -> None:
    adapter = Poisoned(url="https://x", credentials=StrictModel(), options=NoOptions(), http=Http())
    adapter.fault = AuthError("refused")
    with pytest.raises(AuthError):
        await look(shop_of(state, adapter), ["1", "2", "3"], "test")
    assert adapter.fetched == ("1",)


async def test_an_idle_poll_of_two_feeds_is_three_transactions(state: State) -> None:
    adapter = faulty()
    shop = shop_of(state, adapter)
    assert await poll(shop)
    with transactions(state.db) as counted:
        assert await poll(shop)
    assert counted.number == 3


async def test_a_reading_again_that_has_begun_outlasts_passing_faults(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.ingest.retrying.AGAIN", Backoff(0.001, 0.001))
    adapter = faulty()
    adapter.pages = 4
    shop = shop_of(state, adapter)
    span = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    adapter.faults = {("past", 0): Unavailable("no answer")}
    with pytest.raises(Unavailable):
        await reconcile(shop, *span)
    assert len(adapter.read) == 1  # nothing was begun: whoever asked is told at once
    adapter.faults = {("past", 2): Unavailable("no answer")}
    reading = asyncio.create_task(reconcile(shop, *span))
    while adapter.read.count(("past", 2)) < 3:
        await asyncio.sleep(0)
    adapter.faults.clear()
    assert (await reading).listed == 1
    assert adapter.read.count(("past", 1)) == 1
    adapter.faults = {("past", 2): Unavailable("no answer")}
    with pytest.raises(Unavailable):
        await reconcile(shop, *span)
