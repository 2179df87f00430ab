"""Buyers' data is kept only as long as it is needed, and a store's orders follow it to another account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.state import audit, documents, retention
from tests.state import NOW, State, open_state, version


async def test_finished_orders_lose_their_data_and_unfinished_ones_keep_theirs(database_url: str) -> None:
    with open_state(database_url) as state:
        told, waits = "1", "2"
        state.accept(version(told), version(waits))
        kept = [documents.Kept("acme", ref, NOW, NOW, "poll", False, b"x") for ref in (told, waits)]
        state.do(documents.keep, kept, ())
        claims = {claim.ref: claim for claim in state.claim()}
        state.settle(claims[told])
        state.settle(claims[waits], "later")

        await retention.retain(state.db, NOW - timedelta(days=1))
        assert state.do(documents.get, "acme", told) is not None

        await retention.retain(state.db, NOW + timedelta(days=30))
        assert state.do(documents.get, "acme", told) is None
        assert (state.body(told), state.row(told).state) == (None, "delivered")
        assert state.row(told).told_hash == claims[told].hash
        assert state.do(audit.timeline, "acme", told) == []
        assert state.do(documents.get, "acme", waits) is not None
        assert state.body(waits) is not None
        assert state.do(audit.timeline, "acme", waits)


async def test_what_retention_drops_is_in_no_file_of_the_database(sqlite_url: str) -> None:
    with open_state(sqlite_url) as state:
        state.accept(version("1"))
        state.do(
            documents.keep, [documents.Kept("acme", "1", NOW, NOW, "poll", False, b"planted document")], ()
        )
        state.settle(state.claim()[0])
        path = state.db.path
        assert path is not None

        def held() -> bytes:
            return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))

        assert b"planted document" in held()
        assert b"ann@shop.example" in held()
        await retention.retain(state.db, NOW + timedelta(days=30))
        assert b"planted document" not in held()
        assert b"ann@shop.example" not in held()


def three(state: State, store: str) -> None:
    """One that Privy has, one that waits and one that failed, each with its document."""
    versions = [version("1"), version("2"), version("3", state="failed", reason="no total", order_id=None)]
    state.accept(*versions, store=store)
    kept = [documents.Kept(store, one.ref, NOW, NOW, "poll", False, b"x") for one in versions]
    state.do(documents.keep, kept, ())
    first = next(one for one in state.claim() if one.ref == "1")
    state.settle(first)
    state.recover()  # the other is waiting again


async def test_what_waits_in_a_store_that_is_no_longer_configured_is_not_kept_for_ever(
    database_url: str,
) -> None:
    with open_state(database_url) as state:
        three(state, "zeta")
        await retention.retain(state.db, NOW + timedelta(days=30), ["acme", "zeta"])
        assert [state.do(documents.get, "zeta", ref) is None for ref in "123"] == [True, False, False]
        await retention.retain(state.db, NOW + timedelta(days=30), ["acme"])
        assert [state.do(documents.get, "zeta", ref) for ref in "123"] == [None] * 3
        assert [(state.row(ref, "zeta").state, state.row(ref, "zeta").rule) for ref in "123"] == [
            ("delivered", ""),
            ("skipped", "retired"),
            ("skipped", "retired"),
        ]


async def test_an_operator_drops_a_store_and_its_numbers_stay_taken(database_url: str) -> None:
    with open_state(database_url) as state:
        three(state, "zeta")
        assert await retention.retire(state.db, "zeta") == 3
        for ref in "123":
            assert state.do(documents.get, "zeta", ref) is None
            assert state.body(ref, "zeta") is None
            assert state.do(audit.timeline, "zeta", ref) == []
        assert state.claim() == []
        state.accept(version("1"))
        assert "already belongs to order 1 of store zeta" in state.row("1").reason


async def test_many_orders_are_dropped_in_many_transactions(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    monkeypatch.setattr(retention, "LINES", 2)
    with open_state(database_url) as state:
        state.accept(*(version(str(number)) for number in range(1, 8)))
        kept = [documents.Kept("acme", str(n), NOW, NOW, "poll", False, b"x") for n in range(1, 8)]
        state.do(documents.keep, kept, ())
        for claim in state.claim():
            state.settle(claim)
        await retention.retain(state.db, NOW + timedelta(days=30))
        for number in range(1, 8):
            assert state.do(documents.get, "acme", str(number)) is None
            assert state.do(audit.timeline, "acme", str(number)) == []
