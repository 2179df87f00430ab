"""The database: migrations, refusals in sentences, transactions, durability."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, create_engine, func, insert, select, table, text
from sqlmodel import SQLModel

from connector.ingest import subscriptions
from connector.model.errors import ConnectorError, StateError
from connector.state import (
    audit,
    backfills,
    breakers,
    cursors,
    documents,
    ended_sessions,
    forgotten,
    inbox,
    properties,
    quota,
    stores,
)
from connector.state.breakers import PAUSES
from connector.state.database import SCHEMA_VERSION, Database
from connector.state.migrations import configuration
from connector.state.outbox import acceptance, payloads, queries
from tests.state import NOW, open_state, version

MODELS = (
    backfills,
    payloads,
    cursors,
    documents,
    forgotten,
    properties,
    audit,
    ended_sessions,
    inbox,
    acceptance,
    breakers,
    quota,
    stores,
    subscriptions,
)


def write(connection: Connection, name: str = "a") -> None:
    values = {"kind": "fault", "message": "", "strikes": 1, "since": NOW, "until": 0.0}
    connection.execute(insert(PAUSES).values(scope="shop", name=name, **values))


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(PAUSES)).scalar_one()


def test_the_migrations_make_exactly_the_tables_of_the_models(database_url: str) -> None:
    assert MODELS
    database = Database(database_url)
    try:
        with database.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
    finally:
        database.close()


def test_the_program_knows_which_schema_is_the_newest() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [SCHEMA_VERSION]


def test_orders_of_the_first_schema_keep_their_bodies(database_url: str) -> None:
    Database(database_url).close()
    engine = create_engine(database_url)
    config = configuration()
    waits = {"store": "acme", "account": "main", "state": "waiting", "lane": "live", "changed_at": NOW}
    waits |= {"fetched_at": NOW, "first_seen_at": NOW, "number": "", "rule": "", "reason": "", "notes": ""}
    waits |= {"due_at": 0.0, "attempts": 0, "settled": False, "addresses": "", "maybe": False}
    waits |= {"told_addresses": ""}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        for ref, body in (("1", b'{"total":1}'), ("2", None)):
            row = waits | {"ref": ref, "body": body}
            connection.execute(table("outbox", *map(column, row)).insert().values(row))
    engine.dispose()
    with open_state(database_url) as state:
        assert [state.body("1"), state.body("2"), state.row("2").state] == [b'{"total":1}', None, "waiting"]


def test_what_was_written_is_there_after_opening_again(database_url: str) -> None:
    for expected in (0, 1):
        database = Database(database_url)
        assert database.work(count) == expected
        database.work(write, str(expected))
        database.close()


def test_a_newer_database_is_refused(database_url: str) -> None:
    database = Database(database_url)
    database.work(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num='9999'"))
    )
    database.close()
    with pytest.raises(StateError, match="schema 9999 is newer"):
        Database(database_url)


@pytest.mark.parametrize("schema", ["0000", "abcd", "", "9f3a", None])
def test_the_database_of_another_program_is_refused_and_left_alone(
    database_url: str, schema: str | None
) -> None:
    database = Database(database_url)
    statement = "DELETE FROM alembic_version"
    if schema is not None:
        statement = f"UPDATE alembic_version SET version_num='{schema}'"  # noqa: S608
    database.work(lambda connection: connection.execute(text(statement)))
    database.close()
    with pytest.raises(StateError, match="it holds tables of another program"):
        Database(database_url)


def test_a_file_with_tables_of_another_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE invoice (number INTEGER)")
    other.close()
    with pytest.raises(StateError, match="it holds tables of another program"):
        Database(f"sqlite:///{file}")
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("invoice",)]
    other.close()


def test_a_stop_does_not_wait_for_another_process(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert database.path is not None
    holder = sqlite3.connect(database.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    database.hurry()
    with pytest.raises(StateError, match="another process holds it"):
        database.work(count)
    holder.execute("ROLLBACK")
    holder.close()
    assert database.work(count) == 0
    database.close()


def test_several_programs_may_open_a_new_database_at_once(database_url: str) -> None:
    found: list[Database] = []
    threads = [threading.Thread(target=lambda: found.append(Database(database_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.work(count) for database in found] == [0, 0, 0]
    for database in found:
        database.close()


def test_a_transaction_is_undone_when_its_work_raises(database_url: str) -> None:
    def half(connection: Connection) -> None:
        write(connection)
        raise ValueError("in the middle")

    database = Database(database_url)
    try:
        with pytest.raises(ValueError, match="in the middle"):
            database.work(half)
        assert database.work(count) == 0
    finally:
        database.close()


async def test_a_transaction_is_finished_though_its_task_is_cancelled(database_url: str) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        started.set()
        assert go_on.wait(30)
        write(connection)

    database = Database(database_url)
    try:
        task = asyncio.create_task(database.run(slow))
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
    finally:
        database.close()
    database = Database(database_url)
    assert database.work(count) == 1
    database.close()


async def test_a_view_delays_no_transaction(database_url: str) -> None:
    database = Database(database_url)
    begun, release = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        begun.set()
        assert release.wait(30)
        return before, count(connection)

    try:
        view = asyncio.create_task(database.read(slowly))
        await asyncio.to_thread(begun.wait, 30)
        await asyncio.wait_for(database.run(write), 30)
        release.set()
        before, after = await view
        assert before == 0
        assert after == (0 if database.is_sqlite else 1), "a view of SQLite sees one moment"
        assert await database.read(count) == 1
    finally:
        release.set()
        database.close()


async def test_a_view_of_sqlite_cannot_write(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    try:
        with pytest.raises(StateError):
            await database.read(write)
        await database.run(write)
    finally:
        database.close()


def test_sqlite_keeps_what_it_says_through_a_power_loss(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
    database.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("These are notes, and not a few of them.\n" * 100)
    with pytest.raises(StateError, match="no SQLite database; check the path"):
        Database(f"sqlite:///{path}")
    assert path.read_text().startswith("These are notes")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"the folder {tmp_path / 'missing'} does not exist"):
        Database(f"sqlite:///{tmp_path / 'missing' / 'connector.db'}")


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened; check the path"):
        Database(f"sqlite:///{tmp_path}")


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "ünd 100% #1.db"
    Database(f"sqlite:///{path}").close()
    assert path.exists()


def test_memory_is_no_database() -> None:
    with pytest.raises(StateError, match="sqlite needs a file"):
        Database("sqlite://")


def test_an_unreachable_server_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        Database(f"postgresql://ann:s3cret@/shop?host={tmp_path}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("pragma", "sentence"),
    [("query_only=ON", "read-only; give the user"), ("max_page_count=1", "disk is full; make room")],
)
def test_a_read_only_file_and_a_full_disk_are_told(sqlite_url: str, pragma: str, sentence: str) -> None:
    database = Database(sqlite_url)
    try:
        with database.engine.connect() as connection:
            connection.execute(text(f"PRAGMA {pragma}"))
        with pytest.raises(StateError, match=sentence):
            database.work(write, "x" * 100_000)
    finally:
        database.close()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    database = Database(f"sqlite:///{path}")
    for number in range(200):
        database.work(write, f"{number} {'x' * 500}")
    database.close()
    with sqlite3.connect(path) as raw:
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name='pause'").fetchone()[0]
    raw.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StateError, match="damaged; restore a copy"):
        database.work(lambda connection: breakers.every(connection))
    database.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE outbox SET fetched_at = '2026-0x-02 12:00:30.000000'", "it is damaged; restore a copy"),
        ("UPDATE outbox SET notes = CAST(x'616e6e40ff' AS TEXT)", "it is damaged; restore a copy"),
        (
            "UPDATE document SET body = x'789c01'",
            "order 1 is damaged; connector replay acme 1",
        ),
    ],
)
def test_a_flipped_byte_is_a_sentence_and_shows_nobodys_data(
    sqlite_url: str, statement: str, says: str
) -> None:
    with open_state(sqlite_url) as state:
        state.accept(version("1"))
        kept = documents.Kept("acme", "1", NOW, NOW, "poll", False, documents.pack({"id": 1}))
        state.do(documents.keep, [kept], ())
        state.do(lambda connection: connection.execute(text(statement)))

        def read(connection: Connection) -> None:
            queries.row(connection, "acme", "1")
            held = documents.get(connection, "acme", "1")
            assert held is not None
            held.unpacked()

        with pytest.raises(ConnectorError, match=says) as told:
            state.do(read)
        assert "ann@" not in str(told.value)


def test_the_log_is_cut_after_migrating(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert database.path is not None
    assert database.path.with_name("connector.db-wal").stat().st_size < 100_000
    database.close()
