"""The database: engine, transactions in a database thread, migration on open, one daemon per file.

SQLite runs in WAL mode with ``synchronous=FULL``; all writes of a process go through one thread, so
no transaction of ours ever waits for another. PostgreSQL gets a small pool of threads instead. The
functions that run inside are plain and blocking; they take a connection and know no event loop.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    Table,
    TypeDecorator,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from connector.model.errors import StateError
from connector.state import anchors, database_file, place
from connector.state.anchors import Anchor
from connector.state.daemon_lock import daemon_pid, lock_path
from connector.state.database_file import DatabaseFile

SCHEMA_VERSION = "0007"
DAMAGED = "it is damaged; restore a copy"
BUSY_SECONDS = 5  # that a transaction waits for one of another process; so a stop takes no longer

OUR_FAULTS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

P = ParamSpec("P")
R = TypeVar("R")


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, on SQLite stored as naive UTC text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], datetime | str | None]:
        """Written here for both: SQLAlchemy's way to SQLite's text costs three times as much."""
        as_text = dialect.name == "sqlite"
        last: tuple[datetime | None, datetime | str | None] = (None, None)  # rows of one page share times

        def process(value: datetime | None) -> datetime | str | None:
            nonlocal last
            known = last
            if known[0] is not value:
                last = known = (value, convert(value))
            return known[1]

        def convert(value: datetime | None) -> datetime | str | None:
            if value is None:
                return None
            if value.tzinfo is not UTC:
                if value.tzinfo is None:
                    raise ValueError("a naive datetime must not reach the database")
                value = value.astimezone(UTC)
            return value.isoformat(" ", "microseconds")[:-6] if as_text else value

        return process

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[datetime | str | None], datetime | None]:
        def process(value: datetime | str | None) -> datetime | None:
            if value is None:
                return None
            try:
                found = datetime.fromisoformat(value) if isinstance(value, str) else value
                return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
            except (ValueError, AttributeError):
                raise StateError(f"the database: {DAMAGED} (a time in it is none)") from None

        return process


class Record(SQLModel):
    """The base of every table's class. None is ever validated, so no validator is built for it."""

    model_config = {"defer_build": True}


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class. The hot path uses Core: ORM merge is twenty times slower."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


class Database:
    """One open database. ``url`` as in the configuration: ``sqlite:///file`` or ``postgresql://…``.

    Opening migrates an older schema, and takes no lock to find out that it is the newest. Raises StateError
    for a newer schema, for a file on a network file system or with several names, and for one that cannot be
    opened. ``elsewhere`` says why the database does not belong here (see ``place``); empty when it does.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.path: Path | None = None
        self.elsewhere = ""
        self._anchor: Anchor | None = None
        self._file: DatabaseFile | None = None
        if self.is_sqlite:
            if not parsed.database or parsed.database == ":memory:":
                raise StateError("database: sqlite needs a file, such as sqlite:///connector.db")
            self.path = Path(parsed.database).absolute()
            database_file.prepare(self.path)
            with suppress(OSError):  # told in words when SQLite cannot open it either
                self._anchor = anchors.take(self.path)
            self.engine = _sqlite_engine(self.path)
        else:
            self.engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=8,
                pool_pre_ping=True,
                hide_parameters=True,
            )
        self._closed = False
        self._threads = ThreadPoolExecutor(1 if self.is_sqlite else 8, thread_name_prefix="database")
        self._readers = _sqlite_engine(self.path, reading=True) if self.path else self.engine
        self._reading = (
            ThreadPoolExecutor(1, thread_name_prefix="reader") if self.is_sqlite else self._threads
        )
        try:
            self._threads.submit(self._open).result()
        except DBAPIError as error:
            self.close()
            raise StateError(_told(parsed.render_as_string(hide_password=True), error)) from None
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Migrate, find out whether this is the database's place, and look after the file."""
        _migrate(self._readers, self.engine, self.path)
        with self._readers.begin() as connection:
            was = place.recorded(connection)
            here = self._place(connection)
        if was is None:
            with self.engine.begin() as connection:
                place.record(connection, here)
        else:
            self.elsewhere = place.elsewhere(was, here)
        if self.path is not None:
            self._file = DatabaseFile(self.path)
            self._file.watch_companions()
            for file in self._file.all_files(lock_path(self.path)):
                database_file.protect(file)

    def _place(self, connection: Connection) -> place.Place:
        if self.path is None:
            return place.of_server(connection)
        assert self._anchor is not None  # SQLite could open it
        return place.of_file(self.path, self._anchor)

    def must_be_home(self) -> None:
        """For whatever sends: raise StateError where the database is a copy, or was carried elsewhere."""
        if self.elsewhere:
            raise StateError(
                f"database: {self.path or 'this one'} is not where it belongs: {self.elsewhere}. From here "
                "nothing is sent, because each order that waits would leave twice. If the other one is not "
                "used any more: connector adopt --database"
            )

    async def adopt(self) -> None:
        """From now on the database belongs where it was opened."""
        await self.run(lambda connection: place.record(connection, self._place(connection)))
        self.elsewhere = ""

    def watch(self, file: Path | None) -> None:
        """A file that must stay in its place as the database does: the daemon's lock, if it is a file."""
        if self._file is not None and file is not None:
            self._file.watch(file)

    def verify(self) -> None:
        """Raise Displaced when the file, its log or what else is watched is not in its place any more."""
        if self._file is not None:
            self._file.verify()

    async def run(
        self, work: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run ``work(connection, …)`` as one transaction: committed when it returns, undone when it raises.

        The transaction is finished even when the waiting task is cancelled. Raises StateError when
        the database fails (full disk, lost connection) or is closed; nothing is kept then.
        """
        return await self._inside(self._threads, lambda: self.work(work, *args, **kwargs))

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run ``work`` as ``run`` does, for views: it only reads, and however long it takes, no unit of work
        waits for it. On SQLite that is a connection of its own, which sees one moment and cannot write."""
        return await self._inside(
            self._reading, lambda: self._transaction(self._readers, work, *args, **kwargs)
        )

    def work(self, work: Callable[Concatenate[Connection, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, blocking, in the calling thread: for commands without an event loop."""
        return self._transaction(self.engine, work, *args, **kwargs)

    def _transaction(
        self,
        engine: Engine,
        work: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        try:
            with engine.begin() as connection:
                done = work(connection, *args, **kwargs)
                self.verify()  # before it is committed: what goes into a file that was moved away is lost
                return done
        except OUR_FAULTS:
            raise
        except DBAPIError as error:
            self.verify()  # SQLite itself notices some of that, in words that lead nowhere
            raise StateError(_told("the database", error)) from None

    async def _inside(self, threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
        if self._closed:  # by a reload, while somebody still held it
            raise StateError("the database is closed")
        future = asyncio.get_running_loop().run_in_executor(threads, work)
        future.add_done_callback(_seen)
        return await asyncio.shield(future)

    def version(self, connection: Connection) -> int:
        """A number that another process changes when it writes; on PostgreSQL nothing tells."""
        return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one()) if self.is_sqlite else 0

    async def scrub(self) -> None:
        """Leave nothing of deleted rows in SQLite's files: their pages are overwritten on deletion already,
        this empties the write-ahead log. PostgreSQL's own vacuum does the same in its own time.

        Raises StateError when another process reads all the while.
        """

        if self.is_sqlite and not await asyncio.get_running_loop().run_in_executor(
            self._threads, _empty_log, self.engine
        ):
            raise StateError(
                "the database is read by another process; what was purged is gone, its log is not yet"
            )

    def hurry(self) -> None:
        """From now on a database that another process holds is a fault at once: the program is stopping."""
        self.engine.update_execution_options(hurry=True)

    def close(self) -> None:
        """Finish running transactions and close every connection."""
        self._closed = True
        for threads in (self._reading, self._threads):
            threads.shutdown(wait=True)
        self._readers.dispose()
        self.engine.dispose()
        if self._anchor is not None:
            anchors.release(self._anchor)
            self._anchor = None


def _seen(future: asyncio.Future[Any]) -> None:
    """A cancelled task never asks what became of its transaction; asyncio would log that as a fault."""
    if not future.cancelled():
        future.exception()


def _sqlite_engine(path: Path, *, reading: bool = False) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        poolclass=StaticPool,
        hide_parameters=True,  # a statement's values are buyers' data, and would stand in errors and logs
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"cache_size=-{256 if reading else 1024}",  # KiB; the operating system caches the file anyway
            "journal_size_limit=16777216",
            f"query_only={'ON' if reading else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("hurry"):
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
        # A transaction that reads first and writes later would fail at once when another process
        # wrote in between; taking the write lock first makes it wait its turn instead.
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _empty_log(engine: Engine) -> bool:
    """Bring the write-ahead log into the database and cut it to nothing; false when another process reads."""
    connection = engine.raw_connection()
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA busy_timeout=1000")  # the one thread must not wait as long as a writer
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.close()
    return not busy


def _migrate(readers: Engine, engine: Engine, path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise StateError(f"database: the folder {path.parent} does not exist; create it first")
    with readers.connect() as connection:
        tables = inspect(connection).get_table_names()
        found = None
        if "alembic_version" in tables:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        # A file is of one program; a PostgreSQL database may have tables of extensions.
        foreign = found is None and bool(tables if path is not None else "outbox" in tables)
    if found == SCHEMA_VERSION:
        return
    if foreign or (found is not None and not re.fullmatch("(?!0000)[0-9]{4}", found)):
        raise StateError(
            f"database: it holds tables of another program (schema {found!r}); name another file or database"
        )
    if found is not None and found > SCHEMA_VERSION:
        raise StateError(
            f"database: its schema {found} is newer than this program's {SCHEMA_VERSION}; "
            "run the newer program, or restore the copy from before its upgrade"
        )
    pid = daemon_pid(path) if path is not None else None
    if found is not None and pid is not None:
        raise StateError(
            f"database: its schema {found} is older than this program's {SCHEMA_VERSION}, and the "
            f"daemon that uses it (process {pid}) is of the older program; stop that one, then it is upgraded"
        )
    # Alembic costs time and memory that a daemon on a current schema need not spend.
    from connector.state.migrations import upgrade

    upgrade(engine)
    if path is not None:  # a migration that rewrites a table leaves as much in the log
        _empty_log(engine)


def _told(what: str, error: DBAPIError) -> str:
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        advice = {
            sqlite3.SQLITE_FULL: "the disk is full; make room, nothing is lost",
            sqlite3.SQLITE_BUSY: "another process holds it; stop that one or try again",
            sqlite3.SQLITE_READONLY: "it is read-only; give the user that runs the connector write access",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and its permissions",
            sqlite3.SQLITE_CORRUPT: DAMAGED,
            sqlite3.SQLITE_NOTADB: "the file is no SQLite database; check the path",
            sqlite3.SQLITE_IOERR: "the disk answers with errors, or is full; look at it, nothing is lost",
        }
        if "UTF-8" in str(cause):  # it would show the text, a buyer's perhaps
            return f"{what}: {DAMAGED} (a text in it is none)"
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return f"{what}: {advice.get(code, str(cause))}"
    return f"{what}: {str(cause).splitlines()[0] if str(cause) else 'no answer'}"
