"""Batches against SQLAlchemy's own executemany, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from connector.state import bulk
from connector.state.database import Database
from connector.state.documents import DOCUMENTS
from connector.state.outbox.schema import OUTBOX

AT = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=-9)))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def order(ref: str, **values: Any) -> dict[str, Any]:
    """What a page gives for an order; the other columns have defaults."""
    return {
        "store": "acme",
        "ref": ref,
        "account": "main",
        "order_id": 2**63 - len(ref),
        "state": "waiting",
        "lane": "live",
        "placed_at": AT,
        "changed_at": LONG_AGO,
        "fetched_at": AT,
        "first_seen_at": AT,
        "due_since": None,
        "due_at": 1.5,
        "settled": False,
        "hash": None,
        "reason": "50 % off: %(ref)s, :ref and ?",
    } | values


ORDERS = [
    order("1"),
    order("22", settled=True, placed_at=None, reason="שלום 🎉"),
    order("333", hash="ab" * 16),
]


def written(connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(select(OUTBOX).order_by(OUTBOX.c.ref))]


def test_rows_are_those_that_sqlalchemy_would_write(database: Database) -> None:
    change = (
        update(OUTBOX)
        .where(OUTBOX.c.store == bindparam("its_store"), OUTBOX.c.ref == bindparam("its_ref"))
        .values(told_at=bindparam("its_at"), attempts=OUTBOX.c.attempts + 1, maybe=True, reason="100 %")
    )
    told = [{"its_store": "acme", "its_ref": ref, "its_at": at} for ref, at in (("1", AT), ("333", None))]

    def work(connection: Connection) -> None:
        connection.execute(insert(OUTBOX), ORDERS)
        theirs = written(connection)
        connection.execute(change, told)
        theirs_changed = written(connection)
        connection.execute(OUTBOX.delete())
        bulk.run(connection, insert(OUTBOX), ORDERS)
        assert written(connection) == theirs
        bulk.run(connection, change, told)
        assert written(connection) == theirs_changed
        assert theirs != theirs_changed
        attempts = connection.execute(select(OUTBOX.c.attempts).order_by(OUTBOX.c.ref)).scalars().all()
        assert attempts == [1, 0, 1]

    database.work(work)


def test_the_stored_text_is_the_same_to_the_byte(sqlite_url: str) -> None:
    database = Database(sqlite_url)

    def work(connection: Connection) -> None:
        # Through no type of ours: what SQLite itself says that it holds.
        stored = [told(column) for column in OUTBOX.c for told in (func.typeof, func.quote)]
        query = select(*stored).order_by(OUTBOX.c.ref)
        connection.execute(insert(OUTBOX), ORDERS)
        theirs = connection.execute(query).all()
        connection.execute(OUTBOX.delete())
        bulk.run(connection, insert(OUTBOX), ORDERS)
        assert connection.execute(query).all() == theirs
        assert ("text", "'2026-06-01 12:00:00.123456'") in zip(theirs[0][::2], theirs[0][1::2], strict=True)

    database.work(work)
    database.close()


def test_a_row_takes_the_place_of_an_older_one(database: Database) -> None:
    def document(ref: str, body: bytes) -> dict[str, Any]:
        times = {"changed_at": AT, "fetched_at": AT}
        return {"store": "acme", "ref": ref, "feed": "poll", "gone": False, "body": body} | times

    def work(connection: Connection) -> None:
        bulk.replace(connection, DOCUMENTS, [document("1", b"\x00old"), document("2", b"kept")], [])
        bulk.replace(
            connection,
            DOCUMENTS,
            [document("1", b"\xffnew")],
            [("acme", "1"), ("acme", "none"), ("zeta", "2")],
        )
        rows = connection.execute(select(DOCUMENTS.c.ref, DOCUMENTS.c.body).order_by(DOCUMENTS.c.ref))
        assert [tuple(row) for row in rows] == [("1", b"\xffnew"), ("2", b"kept")]
        bulk.replace(connection, DOCUMENTS, [], [("acme", "2")])
        assert connection.execute(select(DOCUMENTS.c.ref)).scalars().all() == ["1"]

    database.work(work)


def test_no_rows_are_no_statement(database: Database) -> None:
    database.work(lambda connection: bulk.run(connection, insert(OUTBOX), []))
    assert database.work(written) == []


def test_a_fault_of_the_database_shows_no_values(database: Database) -> None:
    with pytest.raises(IntegrityError, match="INSERT INTO outbox") as caught:
        database.work(bulk.run, insert(OUTBOX), [*ORDERS, *ORDERS])
    assert "off" not in str(caught.value)
    assert database.work(written) == []


def test_faults_of_ours_are_told_before_anything_is_written(database: Database) -> None:
    callable_default = Table("t", MetaData(), Column("a", Integer), Column("b", String, default=lambda: "x"))

    def work(connection: Connection) -> None:
        with pytest.raises(TypeError, match="no parameters of the statement: colour"):
            bulk.run(connection, insert(OUTBOX), [order("1", colour="red")])
        without_hash = {name: value for name, value in order("22").items() if name != "hash"}
        with pytest.raises(KeyError, match="hash"):
            bulk.run(connection, insert(OUTBOX), [order("1"), without_hash])
        with pytest.raises(TypeError, match=r"the default of t\.b is not a plain value"):
            bulk.run(connection, insert(callable_default), [{"a": 1}])
        with pytest.raises(ValueError, match="naive"):
            bulk.run(connection, insert(OUTBOX), [order("1", placed_at=AT.replace(tzinfo=None))])
        assert written(connection) == []

    database.work(work)
