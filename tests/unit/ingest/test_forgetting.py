"""A forgotten order stays forgotten whichever way it comes, and so does its buyer, until that is lifted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal

import msgspec
import pytest
from sqlalchemy import Connection, text

from adapters.push import Push
from adapters.push.configuration import Credentials, Options
from connector.ingest import contacts, erasure
from connector.ingest.lookup import _look
from connector.ingest.page import remap, take
from connector.ingest.push import take_in
from connector.ingest.source import Shop
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.errors import UsageError
from connector.model.order import Document
from connector.runtime.http import Http
from connector.state import documents, stores
from connector.state.outbox import acceptance, payloads
from tests.state import NOW, State, open_state

ANN = "ann@mail.example"


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as opened:
        yield opened


def shop_of(
    state: State,
    name: str = "acme",
    *,
    forgotten_buyers: Literal["skip", "send"] = "skip",
    fields: Mapping[str, str] | None = None,
) -> Shop:
    facts = state.do(stores.facts, name)
    assert facts is not None
    mapping = MappingSettings.model_validate({"fields": dict(fields or {})})
    return Shop(
        name=name,
        account="main",
        adapter=Push(
            url="https://house.example",
            credentials=Credentials(),
            options=Options(),
            http=Http(),
        ),
        mapper=Mapper(mapping, Numbering(store=name, strategy=Strategy.NATIVE)),
        facts=facts,
        db=state.db,
        clock=state.clock,
        forgotten_buyers=forgotten_buyers,
    )


def order(number: int = 1001, email: str = ANN, **changed: Any) -> dict[str, Any]:
    placed = NOW - timedelta(minutes=10)
    return {
        "order_id": number,
        "order_date": placed.isoformat(),
        "total": "47.90",
        "currency": "EUR",
        "email": email,
    } | changed


def push(state: State, shop: Shop, body: dict[str, Any]) -> str:
    arrival = state.do(take_in, shop, [body], "push").each[0]
    return f"{arrival.state} {arrival.rule}".strip()


def holds(state: State, ref: str) -> bool:
    return state.do(documents.get, "acme", ref) is not None or state.do(payloads.get, "acme", ref) is not None


async def forget(state: State, shop: Shop, contact: str = ANN) -> list[str]:
    found = await erasure.forget(state.db, {shop.name: shop}, contact, state.clock.now(), "by a test")
    return [f"{one.store} {ref}" for one in found for ref in one.refs]


async def test_it_stays_forgotten_through_every_change_however_it_comes_in(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order())
    (claim,) = state.claim()
    state.settle(claim)
    assert await forget(state, shop, ANN.upper()) == ["acme 1001"]
    state.clock.forward(60)
    assert push(state, shop, order(total="50.00")) == "skipped forgotten"
    later = Document(ref="1001", changed_at=state.clock.now() + timedelta(hours=1), body=order(total="51.00"))
    now, steady = state.clock.now() + timedelta(hours=1), state.clock.steady()
    for feed, force in (("poll", False), ("reconcile", False), ("backfill", False), ("replay", True)):
        state.do(take, shop, [later], feed, now, now, steady, force=force)
    state.do(_look, shop, "1001", later, "webhook", now, True, False, None)
    state.do(remap, shop, ["1001"], now, steady)
    row = state.row("1001")
    assert (row.state, row.rule, holds(state, "1001"), state.claim()) == ("skipped", "forgotten", False, [])
    assert row.order_id == 1001  # its number at Privy stays its own


async def test_what_waits_is_not_sent_and_what_leaves_just_then_is_not_kept(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order(1001))
    (flying,) = state.claim()
    push(state, shop, order(1002))
    await forget(state, shop)
    state.settle(flying)
    for ref in ("1001", "1002"):
        assert (state.row(ref).state, state.row(ref).rule, holds(state, ref)) == (
            "skipped",
            "forgotten",
            False,
        )
    assert state.claim() == []


async def test_new_orders_of_a_forgotten_buyer_are_skipped_or_sent_as_the_store_says(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order(1001))
    await forget(state, shop)
    state.clock.forward(3600)
    placed = state.clock.now().isoformat()
    assert push(state, shop, order(1002, order_date=placed)) == "skipped forgotten"
    assert push(state, shop, order(1003, f" {ANN.title()} ", order_date=placed)) == "skipped forgotten"
    assert push(state, shop, order(1004, "other@mail.example", order_date=placed)) == "accepted"
    assert not holds(state, "1002")
    sends = shop_of(state, forgotten_buyers="send")
    assert push(state, sends, order(1005, order_date=placed)) == "accepted"
    old = (state.clock.now() - timedelta(days=1)).isoformat()
    assert push(state, sends, order(1006, order_date=old)) == "skipped forgotten"
    assert push(state, sends, order(1002, order_date=placed, total="9.00")) == "skipped forgotten"


async def test_a_phone_is_the_same_however_it_is_written(state: State) -> None:
    shop = shop_of(state)
    address = {"country_code": "DE"}
    push(state, shop, order(1001, phone="0221 9988776", billing_address=address))
    assert await forget(state, shop, "0221/9988776") == ["acme 1001"]
    body = order(1002, "x@mail.example", phone="+49 221 9988776", billing_address=address)
    assert push(state, shop, body) == "skipped forgotten"


async def test_a_contact_that_the_mapping_takes_from_elsewhere_is_found(state: State) -> None:
    shop = shop_of(state, fields={"email": "buyer.mail"})
    push(state, shop, order(1001, "shop@house.example", buyer={"mail": ANN}))
    assert await forget(state, shop) == ["acme 1001"]
    assert push(state, shop, order(1002, "shop@house.example", buyer={"mail": ANN})) == "skipped forgotten"


async def test_lifting_lets_the_orders_be_orders_again(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order(1001))
    (claim,) = state.claim()
    state.settle(claim)
    await forget(state, shop)
    push(state, shop, order(1002))
    assert state.claim() == []
    now = state.clock.now()
    (lifted,) = await erasure.lift(state.db, {"acme": shop}, ANN, now)
    assert lifted.refs == ["1001", "1002"]
    state.clock.forward(60)
    assert push(state, shop, order(1001)) == "unchanged"  # Privy has it, and it is as it was
    assert push(state, shop, order(1002)) == "accepted"
    with pytest.raises(UsageError, match="was not forgotten"):
        await erasure.lift(state.db, {"acme": shop}, ANN, now)


async def test_an_order_forgotten_for_two_contacts_stays_so_until_both_are_lifted(state: State) -> None:
    shop = shop_of(state)
    body = order(1001, phone="+49 221 9988776")
    push(state, shop, body)
    await erasure.purge(state.db, "acme", ["1001"], NOW, "because the shop asked for it")
    push(state, shop, body)
    await forget(state, shop)
    state.do(lambda one: one.execute(text("INSERT INTO forgotten_order VALUES ('acme', '1001', 'other')")))
    await erasure.lift(state.db, {"acme": shop}, ANN, NOW)
    state.clock.forward(60)
    assert push(state, shop, body) == "skipped forgotten"
    await erasure.lift_orders(state.db, "acme", ["1001"], NOW)
    state.clock.forward(60)
    assert push(state, shop, body) == "accepted"


async def test_an_order_that_was_never_seen_is_forgotten_all_the_same(state: State) -> None:
    shop = shop_of(state)
    await erasure.purge(state.db, "acme", ["1001"], NOW, "because the shop asked for it")
    assert push(state, shop, order(1001)) == "skipped forgotten"
    assert not holds(state, "1001")


async def test_a_store_that_is_no_longer_configured_is_searched_too(state: State) -> None:
    push(state, shop_of(state, "zeta"), order(1001))
    push(state, shop_of(state, "zeta"), order(1002, "x@mail.example", comment="gift", phone="0221 9988776"))
    found = await erasure.forget(state.db, {"acme": shop_of(state)}, ANN, NOW, "by a test")
    assert {one.store: one.refs for one in found} == {"acme": [], "zeta": ["1001"]}
    assert state.do(documents.get, "zeta", "1001") is None
    found = await erasure.forget(state.db, {}, "0221 9988776", NOW, "by a test")
    assert {one.store: one.refs for one in found} == {"acme": [], "zeta": ["1002"]}


async def test_what_one_shop_asks_for_holds_for_its_store_alone(state: State) -> None:
    acme, zeta = shop_of(state), shop_of(state, "zeta")
    await erasure.forget(state.db, {"acme": acme}, ANN, NOW, "the shop", scope="acme")
    assert push(state, acme, order(1001)) == "skipped forgotten"
    assert push(state, zeta, order(1002)) == "accepted"
    await erasure.lift(state.db, {"acme": acme, "zeta": zeta}, ANN, NOW)
    state.clock.forward(60)
    assert push(state, acme, order(1001)) == "accepted"


async def test_what_is_held_is_a_keyed_hash_and_no_address(state: State) -> None:
    shop = shop_of(state)
    push(state, shop, order())
    await forget(state, shop)

    def everything(connection: Connection) -> str:
        tables = ("forgotten_contact", "forgotten_order", "outbox", "event", "document", "body")
        return str([connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables])  # noqa: S608

    held = state.do(everything)
    assert ANN not in held
    assert len(held) > 100


def test_a_contact_in_a_text_is_a_whole_one() -> None:
    for found, document in (
        (True, {"note": [f"for {ANN}, thanks"]}),
        (True, {"mail": ANN.upper()}),
        (False, {"mail": f"j{ANN}"}),
        (False, {"mail": f"{ANN}s"}),
        (False, {ANN: "a key is no value"}),
    ):
        assert contacts.in_text(document, contacts.asked(ANN)) is found
    assert contacts.in_text({"tel": "+49 (221) 998 877-6"}, contacts.asked("221 9988776"))
    assert contacts.asked("12345") == contacts.asked("nobody") == ""


def test_documents_of_the_outbox_are_untouched_by_an_empty_memory(state: State) -> None:
    shop = shop_of(state)
    assert push(state, shop, order()) == "accepted"
    rows = state.do(acceptance.known, "acme", ["1001"])
    assert rows["1001"].rule == ""
    assert msgspec.json.decode(state.body("1001") or b"")["email"] == ANN
