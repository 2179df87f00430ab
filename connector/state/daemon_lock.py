"""One daemon owns a database: a locked file beside SQLite, an advisory lock on PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from connector.model.errors import Displaced, StateError
from connector.state import anchors

DAEMON_LOCK = 0x70726976  # the advisory lock's number on PostgreSQL
LOOKS = 50  # a second's worth of tries to take a lock that nobody owns


@contextmanager
def daemon_lock(engine: Engine, path: Path | None) -> Iterator[DaemonLock]:
    """Own the database as its one daemon; raises StateError, naming the other's process, when taken.

    On SQLite both the file beside it and the database's own inode are locked: under another name (a bind
    mount, another mount namespace) or after the lock file was deleted the inode is still the same.
    """
    if path is None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": DAEMON_LOCK}).scalar():
                raise StateError("another daemon already works on this database; stop it first")
            yield DaemonLock(connection=connection)
        return
    beside = lock_path(path)
    with _opened(beside, "a+") as file:
        _take(file, path)
        with _inode_lock(path):
            try:
                file.truncate(0)
                file.write(str(os.getpid()))
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


def daemon_pid(database: Path) -> int | None:
    """The process that runs as this database's daemon, or None. Raises StateError when it cannot tell."""
    path = lock_path(database)
    if path.exists():
        with _opened(path, "r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                said = file.read().strip()
                return int(said) if said.isdigit() else None
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
            pid = daemon_pid(database)
            if pid is not None:
                raise StateError(
                    f"another daemon (process {pid}) already works on {database}; "
                    "stop it first, or leave the work to it"
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
