"""Buyers' data is kept only as long as it is needed, and a store's orders follow it to another account."""

from __future__ import annotations

from datetime import timedelta

from connector.state import audit, documents, retention
from tests.state import NOW, open_state, version


def test_finished_orders_lose_their_data_and_unfinished_ones_keep_theirs(database_url: str) -> None:
    with open_state(database_url) as state:
        told, waits = "1", "2"
        state.accept(version(told), version(waits))
        kept = [documents.Kept("acme", ref, NOW, NOW, "poll", False, b"x") for ref in (told, waits)]
        state.do(documents.keep, kept, ())
        claims = {claim.ref: claim for claim in state.claim()}
        state.settle(claims[told])
        state.settle(claims[waits], "later")

        assert state.do(retention.drop, NOW - timedelta(days=1)) == 0
        assert state.do(documents.get, "acme", told) is not None

        assert state.do(retention.drop, NOW + timedelta(days=30)) == 1
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
