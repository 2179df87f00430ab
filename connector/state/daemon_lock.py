"""One daemon owns a database: a locked file beside SQLite, an advisory lock on PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from connector.model.errors import AlreadyRunning, Displaced, StateError
from connector.state import anchors

DAEMON_LOCK = 0x70726976  # the advisory lock's number on PostgreSQL
LETS_GO, ASKS = DAEMON_LOCK + 1, DAEMON_LOCK + 2  # held besides: by an owner that lets go, by who asks for it
LOOKS = 50  # a second's worth of tries to take a lock that nobody owns


@contextmanager
def daemon_lock(engine: Engine, path: Path | None, *, lets_go: bool = False) -> Iterator[DaemonLock]:
    """Own the database as its one daemon; raises AlreadyRunning, naming the other's process, when taken.

    ``lets_go`` tells others that they may ask for it, and is a promise to look at ``asked``.

    On SQLite both the file beside it and the database's own inode are locked: under another name (a bind
    mount, another mount namespace) or after the lock file was deleted the inode is still the same.
    """
    if path is None:
        with _session(engine) as connection:
            if not _advisory(connection, DAEMON_LOCK):
                other = _advisory_holder(connection)
                raise AlreadyRunning(
                    "another daemon already works on this database; stop it first",
                    process=other.process if other else None,
                    lets_go=other is not None and other.lets_go,
                )
            if lets_go:
                _advisory(connection, LETS_GO)
            try:
                yield DaemonLock(connection=connection)
            finally:
                _give_back(connection)
        return
    beside = lock_path(path)
    with _opened(beside, "a+") as file:
        _take(file, path)
        with _inode_lock(path):
            try:
                file.truncate(0)
                file.write(f"{os.getpid()}{' lets go' if lets_go else ''}")
                file.flush()
            except OSError as error:
                raise StateError(f"{file.name} cannot be written: {error.strerror}") from None
            yield DaemonLock(path=beside)
            file.truncate(0)


class DaemonLock:
    """A lock that is held: ``path`` is its file on SQLite; on PostgreSQL a connection holds it."""

    def __init__(self, *, path: Path | None = None, connection: Connection | None = None) -> None:
        self.path = path
        self._connection = connection

    def verify(self) -> None:
        """Raise Displaced when PostgreSQL's connection is gone, and the lock with it. Blocks; on SQLite
        ``Database.watch`` does it."""
        if self._connection is None:
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            raise Displaced(
                "database: the connection that held the daemon's lock is lost, so another daemon may have "
                "begun; start this one anew"
            ) from None


@dataclass(frozen=True)
class Holder:
    """Who owns a database: its process (on PostgreSQL the server's process for it), and if it lets go."""

    process: int
    lets_go: bool


def holder(engine: Engine, path: Path | None) -> Holder | None:
    """Who owns the database now; None for nobody. Raises StateError when it cannot be told."""
    if path is not None:
        return file_holder(path)
    with engine.connect() as connection:
        return _advisory_holder(connection)


def daemon_pid(database: Path) -> int | None:
    """The process that runs as this database's daemon, or None. Raises StateError when it cannot tell."""
    found = file_holder(database)
    return found.process if found else None


@contextmanager
def asking(engine: Engine, path: Path | None) -> Iterator[None]:
    """Ask whoever owns the database to let go, while this is held. Raises AlreadyRunning for a second."""
    second = "another process waits for this database already"
    if path is None:
        with _session(engine) as connection:
            if not _advisory(connection, ASKS):
                raise AlreadyRunning(second)
            try:
                yield
            finally:
                _give_back(connection)
        return
    with _opened(_asking_path(path), "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(second) from None
        try:
            yield
        finally:
            Path(file.name).unlink(missing_ok=True)


def asked(engine: Engine, path: Path | None) -> bool:
    """Whether somebody asks for the database."""
    if path is None:
        with engine.connect() as connection:
            return ASKS in _advisories(connection)
    try:
        with _asking_path(path).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _session(engine: Engine) -> Connection:
    """A session of its own, whose end gives its locks back; the pool would keep it, and them."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection


def _give_back(connection: Connection) -> None:
    """The session's end gives its locks back too, but the server may take its time with that."""
    with suppress(DBAPIError):
        connection.execute(text("SELECT pg_advisory_unlock_all()"))


def _advisory(connection: Connection, number: int) -> bool:
    """Take one of PostgreSQL's locks, if it is free."""
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar())


def _advisories(connection: Connection) -> dict[int, int]:
    """Which of our locks are taken in this database, and by which process of the server."""
    rows = connection.execute(
        text(
            "SELECT objid, pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    )
    return {int(row.objid): int(row.pid) for row in rows}


def _advisory_holder(connection: Connection) -> Holder | None:
    taken = _advisories(connection)
    process = taken.get(DAEMON_LOCK)
    return None if process is None else Holder(process, taken.get(LETS_GO) == process)


def _asking_path(database: Path) -> Path:
    return lock_path(database).with_suffix(".asked")


def file_holder(database: Path) -> Holder | None:
    """Who owns a SQLite file; None for nobody. Raises StateError when it cannot be told."""
    path = lock_path(database)
    if path.exists():
        with _opened(path, "r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                process, _, rest = file.read().strip().partition(" ")
                return Holder(int(process), rest == "lets go") if process.isdigit() else None
    if not database.exists():
        return None
    try:
        anchor = anchors.take(database)
    except OSError:
        return None
    try:
        if anchor.locked():
            raise StateError(
                f"a daemon works on {database}, but {path} is not its lock file: that one was deleted or "
                "replaced, or the daemon knows the database by another name. Stop that one first"
            )
    finally:
        anchors.release(anchor)
    return None


@contextmanager
def _inode_lock(database: Path) -> Iterator[None]:
    anchor = anchors.take(database)
    try:
        try:
            own = os.open(database, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StateError(
                f"database: {database}: {error.strerror}; it is read-only; give the user that runs the "
                "connector write access"
            ) from None
        anchor.keep(own)
        for _ in range(LOOKS):
            try:
                fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)  # perhaps a command that only looks
        else:
            raise StateError(
                f"another daemon already works on {database}: under another name (a link or a mount of the "
                "same file), or its lock file was deleted; stop it first"
            )
        try:
            yield
        finally:
            fcntl.flock(own, fcntl.LOCK_UN)
    finally:
        anchors.release(anchor)


def _take(file: TextIO, database: Path) -> None:
    for _ in range(LOOKS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            other = file_holder(database)
            if other is not None:
                raise AlreadyRunning(
                    f"another daemon (process {other.process}) already works on {database}; "
                    "stop it first, or leave the work to it",
                    process=other.process,
                    lets_go=other.lets_go,
                ) from None
        except OSError as error:
            raise StateError(f"{file.name} cannot be locked: {error.strerror}") from None
        time.sleep(0.02)  # a command only looks whether a daemon runs, as in ``daemon_pid``
    raise StateError(f"another process holds {file.name}; stop it first")


def _opened(path: Path, mode: str) -> TextIO:
    try:
        return cast(TextIO, open(path, mode, opener=_for_us_alone))
    except OSError as error:
        raise StateError(
            f"{path} cannot be opened: {error.strerror}; run this as the user that runs the daemon"
        ) from None


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def lock_path(database: Path) -> Path:
    """Beside the file itself, whatever links lead to it: one database has one lock."""
    database = database.resolve()
    return database.with_name(database.name + ".lock")
