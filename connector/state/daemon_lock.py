"""One daemon owns a database: a locked file beside SQLite, an advisory lock on PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from sqlalchemy import Engine, text

from connector.model.errors import StateError

DAEMON_LOCK = 0x70726976  # the advisory lock's number on PostgreSQL
LOOKS = 50  # a second's worth of tries to take a lock that nobody owns


@contextmanager
def daemon_lock(engine: Engine, path: Path | None) -> Iterator[None]:
    """Own the database as its one daemon; raises StateError, naming the other's process, when taken."""
    if path is None:
        with engine.connect() as connection:
            if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": DAEMON_LOCK}).scalar():
                raise StateError("another daemon already works on this database; stop it first")
            yield
        return
    with _opened(_lock_path(path), "a+") as file:
        _take(file, path)
        try:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        except OSError as error:
            raise StateError(f"{file.name} cannot be written: {error.strerror}") from None
        yield
        file.truncate(0)


def daemon_pid(database: Path) -> int | None:
    """The process that runs as this database's daemon, or None. Raises StateError when it cannot tell."""
    path = _lock_path(database)
    if not path.exists():
        return None
    with _opened(path, "r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = file.read().strip()
            return int(said) if said.isdigit() else None
    return None


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
        return cast(TextIO, path.open(mode))
    except OSError as error:
        raise StateError(
            f"{path} cannot be opened: {error.strerror}; run this as the user that runs the daemon"
        ) from None


def _lock_path(database: Path) -> Path:
    """Beside the file itself, whatever links lead to it: one database has one lock."""
    database = database.resolve()
    return database.with_name(database.name + ".lock")
