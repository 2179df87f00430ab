"""The inbox and the work on it: what webhooks asked for is done once, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from connector.admin.alerts import of_store as alarms_of_store
from connector.ingest.lookup import look
from connector.ingest.source import Shop
from connector.ingest.webhooks import BURST, FAULT, UNKNOWN_SECONDS, Errands
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.order import Document
from connector.model.states import BreakerScope
from connector.runtime.http import Http
from connector.sdk import registry
from connector.sdk.contract import Erasure, Notice
from connector.state import audit, breakers, inbox, retention, stores
from connector.state.documents import DOCUMENTS
from connector.state.inbox import INBOX, Errand
from connector.state.outbox import acceptance
from connector.state.outbox.payloads import BODIES
from tests.shops.woocommerce import Shop as WooShop
from tests.shops.woocommerce import serve
from tests.state import State, open_state, transactions, version

LOOK = Notice(refs=("7",))


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def arrive(state: State, *notices: Notice, store: str = "acme") -> None:
    state.do(
        inbox.arrive,
        [(store, notice) for notice in notices],
        now=state.clock.now(),
        steady=state.clock.steady(),
    )


def due(state: State, store: str = "acme") -> Errand | None:
    return state.do(inbox.due, store, state.clock.steady())


def rows(state: State) -> list[tuple[str, str]]:
    def work(connection: Connection) -> list[tuple[str, str]]:
        return [(row.kind, row.subject) for row in connection.execute(select(INBOX).order_by(INBOX.c.kind))]

    return state.do(work)


def test_a_burst_of_webhooks_about_one_order_is_one_errand(state: State) -> None:
    for _ in range(3):
        arrive(state, LOOK, LOOK)
    errand = due(state)
    assert errand is not None
    assert (errand.kind, errand.subject, errand.version) == ("look", "7", 3)
    assert state.do(inbox.settle, errand)
    assert due(state) is None
    assert state.do(inbox.next_at, "acme") is None


def test_a_webhook_that_comes_while_its_order_is_fetched_causes_exactly_one_more_errand(state: State) -> None:
    arrive(state, LOOK)
    errand = due(state)
    assert errand is not None
    arrive(state, LOOK)
    arrive(state, LOOK)
    assert not state.do(inbox.settle, errand)
    again = due(state)
    assert again is not None
    assert state.do(inbox.settle, again)
    assert due(state) is None


def test_waiting_for_another_try_ends_when_a_new_webhook_comes(state: State) -> None:
    arrive(state, LOOK)
    errand = due(state)
    assert errand is not None
    state.do(inbox.later, errand, state.clock.steady() + 600)
    assert due(state) is None
    arrive(state, LOOK)
    again = due(state)
    assert again is not None
    assert again.tries == 0


def test_a_put_off_errand_does_not_hide_the_webhook_that_came_meanwhile(state: State) -> None:
    arrive(state, LOOK)
    errand = due(state)
    assert errand is not None
    arrive(state, LOOK)
    state.do(inbox.later, errand, state.clock.steady() + 600)
    assert due(state) is not None


def test_stores_do_not_see_each_others_errands_and_erasures_come_first(state: State) -> None:
    arrive(state, LOOK, store="zeta")
    arrive(state, LOOK)
    state.clock.forward(1)
    arrive(state, Notice(erase=Erasure(refs=("9",))))
    first = due(state)
    assert first is not None
    assert (first.store, first.kind, first.subject) == ("acme", "order", "9")
    assert state.do(inbox.busy_stores) == ["acme", "zeta"]


async def test_a_note_is_no_errand_is_shown_and_goes_with_retention(state: State) -> None:
    arrive(state, Notice(note="the app was removed from the shop"))
    assert due(state) is None
    assert state.do(inbox.busy_stores) == []
    (alarm,) = state.do(alarms_of_store, "acme", state.clock.now())
    assert "the app was removed from the shop" in alarm.message
    await retention.retain(state.db, state.clock.now() + timedelta(seconds=1))
    assert rows(state) == []


def test_what_an_earlier_process_put_off_is_due_at_a_start(state: State) -> None:
    arrive(state, LOOK)
    errand = due(state)
    assert errand is not None
    state.do(inbox.later, errand, state.clock.steady() + 1e9)
    state.do(inbox.recover, state.clock.steady())
    assert due(state) is not None


# The work


class Scene:
    """The store ``acme`` of a shop with orders, and its errands at 60 fetches a minute."""

    def __init__(self, state: State, shop: WooShop, url: str, http: Http) -> None:
        self.state = state
        self.shop = shop
        kind = registry.adapter("woocommerce")
        facts = state.do(stores.facts, "acme")
        assert facts is not None
        self.store = Shop(
            name="acme",
            account="main",
            adapter=kind(
                url=url,
                credentials=kind.Credentials.model_validate(
                    {"consumer_key": "ck_test", "consumer_secret": "cs_test"}
                ),
                options=kind.Options.model_validate({"authentication": "basic"}),
                http=http,
            ),
            mapper=Mapper(MappingSettings(), Numbering(store="acme", strategy=Strategy.NATIVE)),
            facts=facts,
            db=state.db,
            clock=state.clock,
        )
        self.errands = Errands(self.store, 60)
        self.stopping = asyncio.Event()

    async def run(self) -> float | None:
        """One round; the wait until the next."""
        return await self.errands.run(self.stopping)

    def fetched(self) -> list[int]:
        """The orders that were asked for one by one, in order."""
        paths = [path for _, path, _ in self.shop.requests]
        return [int(path.rpartition("/")[2]) for path in paths if path.rpartition("/")[2].isdecimal()]

    def told(self, ref: str) -> str:
        """The last line of the order's time-line."""
        return self.state.do(audit.timeline, "acme", ref)[-1].detail


@pytest.fixture
async def scene(state: State) -> AsyncIterator[Scene]:
    shop = WooShop(secure=True)
    shop.seed(30)
    with serve(shop) as url:
        async with Http() as http:
            yield Scene(state, shop, url, http)


def look_at(*orders: int) -> Notice:
    return Notice(refs=tuple(str(order) for order in orders))


async def test_an_order_is_fetched_once_and_the_inbox_is_empty(scene: Scene) -> None:
    for _ in range(50):
        arrive(scene.state, look_at(3))
    assert await scene.run() is None
    assert scene.fetched() == [3]
    assert "by webhook" in scene.told("3")
    assert rows(scene.state) == []


async def test_a_webhook_amid_the_fetch_of_its_order_brings_one_more_fetch(scene: Scene) -> None:
    def amid() -> None:
        if scene.fetched() == [3]:  # the request is under way
            scene.state.clock.forward(1)
            for _ in range(5):
                arrive(scene.state, look_at(3))

    arrive(scene.state, look_at(3))
    await scene.run()  # the shop is known from here on, so that only orders are asked for
    scene.shop.requests.clear()
    scene.state.clock.forward(60)
    arrive(scene.state, look_at(3))
    scene.shop.before_request = amid
    assert await scene.run() is None
    assert scene.fetched() == [3, 3]


async def test_an_order_that_was_read_meanwhile_needs_no_fetch(scene: Scene) -> None:
    arrive(scene.state, look_at(3, 4))
    scene.state.clock.forward(1)
    await look(scene.store, ["3"], "poll of orders")
    scene.shop.requests.clear()
    assert await scene.run() is None
    assert scene.fetched() == [4]


async def test_thousands_of_webhooks_whose_orders_a_poll_has_read_are_gone_at_a_stroke(scene: Scene) -> None:
    refs = [str(number) for number in range(1000, 4000)]
    arrive(scene.state, Notice(refs=tuple(refs)))
    scene.state.clock.forward(1)
    scene.state.accept(*(version(ref, fetched_at=scene.state.clock.now()) for ref in refs))
    async with asyncio.timeout(20):  # one by one, each with a look at all of them, would take minutes
        assert await scene.run() is None
    assert rows(scene.state) == []
    assert scene.fetched() == []


async def test_the_shop_is_fetched_from_in_a_short_burst_and_then_at_the_pace(scene: Scene) -> None:
    arrive(scene.state, look_at(*range(1, 21)))
    wait = await scene.run()
    assert len(scene.fetched()) == BURST
    assert wait == pytest.approx(1.0)
    for _ in range(5):
        scene.state.clock.forward(1)
        await scene.run()
    assert len(scene.fetched()) == BURST + 5
    scene.state.clock.forward(3600)
    await scene.run()
    assert len(scene.fetched()) == 20


async def test_an_order_that_the_shop_does_not_know_yet_is_looked_for_again(scene: Scene) -> None:
    arrive(scene.state, look_at(31))
    for wait in UNKNOWN_SECONDS[:2]:
        assert await scene.run() == pytest.approx(wait)
        scene.state.clock.forward(wait)
    assert scene.shop.add() == 31
    assert await scene.run() is None
    assert "by webhook" in scene.told("31")


async def test_an_order_that_the_shop_never_knows_is_given_up_and_noted(scene: Scene) -> None:
    arrive(scene.state, look_at(4711))
    for wait in UNKNOWN_SECONDS:
        assert await scene.run() == pytest.approx(wait)
        scene.state.clock.forward(wait)
    assert await scene.run() is None
    assert scene.fetched() == [4711] * (len(UNKNOWN_SECONDS) + 1)
    assert "the shop does not know it; given up" in scene.told("4711")


async def test_a_fault_of_the_shop_makes_it_rest_and_loses_nothing(scene: Scene) -> None:
    scene.shop.fail("500", times=None, path=r"/orders/\d+")
    arrive(scene.state, look_at(3, 4, 5))
    wait = await scene.run()
    assert wait is not None
    assert wait == pytest.approx(FAULT.first, rel=0.25)
    assert len(scene.fetched()) == 1  # the others wait too, instead of meeting the same fault
    scene.shop.calm()
    while wait is not None:
        scene.state.clock.forward(wait + 0.01)
        wait = await scene.run()
    assert sorted(set(scene.fetched())) == [3, 4, 5]
    assert rows(scene.state) == []


async def test_one_order_at_which_the_shop_always_fails_does_not_hold_up_the_others(scene: Scene) -> None:
    scene.shop.fail("500", times=None, path="/orders/3$")
    arrive(scene.state, look_at(3, 4, 5))
    for _ in range(4):
        wait = await scene.run()
        assert wait is not None
        scene.state.clock.forward(wait + 0.01)
    assert {4, 5} <= set(scene.fetched())
    assert rows(scene.state) == [("look", "3")]
    assert scene.state.do(breakers.get, BreakerScope.SHOP, "acme") is None
    scene.state.clock.forward(25 * 3600)
    assert await scene.run() is None
    assert "could not be fetched for a day" in scene.told("3")


async def test_an_order_at_which_we_fail_does_not_hold_up_the_others_and_is_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = scene.store.adapter.fetch

    async def fails_at_three(ref: str) -> Document | None:
        if ref == "3":
            raise KeyError("id")
        return await fetch(ref)

    monkeypatch.setattr(scene.store.adapter, "fetch", fails_at_three)
    arrive(scene.state, look_at(3, 4, 5))
    for _ in range(3):
        wait = await scene.run()
        assert wait is not None
        scene.state.clock.forward(wait + 0.01)
    assert rows(scene.state) == [("look", "3")]
    trouble = scene.state.do(breakers.get, BreakerScope.INBOX, "acme")
    assert trouble is not None
    assert "doing what webhooks asked for: internal fault (KeyError at" in trouble.message
    monkeypatch.undo()
    scene.state.clock.forward(3600)
    assert await scene.run() is None
    assert scene.state.do(breakers.get, BreakerScope.INBOX, "acme") is None


async def test_a_webhooks_order_is_taken_and_its_errand_settled_in_one_transaction(scene: Scene) -> None:
    arrive(scene.state, look_at(3))
    await scene.run()
    with transactions(scene.state.db) as counted:
        arrive(scene.state, look_at(4))
        assert await scene.run() is None
    assert counted.number == 3  # it arrives, it is found, it is taken; delivery adds its two
    assert rows(scene.state) == []


async def test_what_the_shop_asks_for_and_refused_keys_make_the_whole_shop_rest(scene: Scene) -> None:
    scene.shop.fail("429", path=r"/orders/\d+")
    arrive(scene.state, look_at(3))
    wait = await scene.run()
    pause = scene.state.do(breakers.get, BreakerScope.SHOP, "acme")
    assert pause is not None
    assert wait is not None
    assert pause.until - scene.state.clock.steady() == pytest.approx(7.0, abs=0.1)  # its Retry-After
    scene.state.clock.forward(3)
    arrive(scene.state, look_at(4))
    assert await scene.run() == pytest.approx(4.0, abs=0.1)
    assert scene.fetched() == [3]
    scene.state.clock.forward(10)
    scene.shop.fail("401", path=r"/orders/\d+")
    await scene.run()
    refused = scene.state.do(breakers.get, BreakerScope.SHOP, "acme")
    assert refused is not None
    assert refused.kind == "auth"


# Erasures


async def known(scene: Scene, *orders: int) -> None:
    """Bring these orders in, with their documents."""
    await look(scene.store, [str(order) for order in orders], "backfill")


def held(scene: Scene) -> list[str]:
    """The refs whose documents are held."""
    return list(scene.state.do(lambda connection: list(connection.scalars(select(DOCUMENTS.c.ref)))))


async def test_a_contact_is_erased_everywhere_and_leaves_the_inbox(scene: Scene) -> None:
    scene.shop.edit(3, billing=dict(scene.shop.order(3)["billing"], email="planted@example.com"))
    await known(scene, 3, 4)
    arrive(scene.state, Notice(erase=Erasure(contacts=("Planted@example.com",))))
    assert await scene.run() is None
    assert held(scene) == ["4"]
    row = scene.state.row("3")
    assert (row.rule, scene.state.body("3")) == ("forgotten", None)
    assert scene.told("3") == "the buyer's data was purged because the shop asked for it"
    assert rows(scene.state) == []


async def test_no_byte_of_an_erased_contact_stays_in_the_files(tmp_path: Path) -> None:
    with open_state(f"sqlite:///{tmp_path / 'connector.db'}") as state:
        shop = WooShop(secure=True)
        shop.seed(3)
        shop.edit(3, billing=dict(shop.order(3)["billing"], email="planted@example.com"))
        with serve(shop) as url:
            async with Http() as http:
                scene = Scene(state, shop, url, http)
                await known(scene, 3)
                arrive(state, Notice(erase=Erasure(contacts=("planted@example.com",))))
                files = sorted(tmp_path.glob("connector.db*"))
                assert any(b"planted@example.com" in file.read_bytes() for file in files)
                assert await scene.run() is None
                assert not any(b"planted@example.com" in file.read_bytes() for file in files)


async def test_orders_are_erased_by_their_ids(scene: Scene) -> None:
    await known(scene, 3, 4)
    arrive(scene.state, Notice(erase=Erasure(refs=("3", "4711"))))
    assert await scene.run() is None
    assert held(scene) == ["4"]
    assert scene.state.do(audit.timeline, "acme", "4711") == []


async def test_everything_of_a_store_is_erased_and_nothing_of_another(scene: Scene) -> None:
    await known(scene, 3, 4, 5)
    scene.state.accept(version("1"), store="zeta")
    arrive(scene.state, Notice(erase=Erasure(everything=True)))
    assert await scene.run() is None
    assert held(scene) == []
    bodies = select(BODIES.c.store)
    assert scene.state.do(lambda connection: list(connection.scalars(bodies))) == ["zeta"]


async def test_an_erasure_waits_for_no_shop(scene: Scene) -> None:
    await known(scene, 3)
    scene.shop.fail("500", times=None)
    arrive(scene.state, look_at(4), Notice(erase=Erasure(refs=("3",))))
    assert await scene.run() is not None
    assert held(scene) == []


async def test_bytes_that_could_not_be_scrubbed_yet_are_remembered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'connector.db'}"
    with open_state(url) as state, serve(WooShop(secure=True)) as shop_url:
        async with Http() as http:
            scene = Scene(state, WooShop(secure=True), shop_url, http)
            arrive(state, Notice(erase=Erasure(refs=("3",))))
            reader = sqlite3.connect(tmp_path / "connector.db", timeout=0.1)
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM inbox").fetchall()
            state.do(acceptance.looked, "acme", "3", 0.0)
            arrive(state, Notice(note="so that there is a log to be emptied"))
            assert await scene.run() == pytest.approx(60.0)
            assert ("scrub", "") in rows(state)
            reader.rollback()
            reader.close()
            state.clock.forward(61)
            assert await scene.run() is None
            assert ("scrub", "") not in rows(state)
