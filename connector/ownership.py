"""One daemon owns a database: a locked file beside SQLite, an advisory lock on PostgreSQL."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from connector.errors import StateError

DAEMON_LOCK = 0x70726976  # the advisory lock's number on PostgreSQL


@contextmanager
def daemon_lock(engine: Engine, path: Path | None) -> Iterator[None]:
    """Own the database as its one daemon; raises StateError, naming the other's process, when taken."""
    if path is None:
        with engine.connect() as connection:
            if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": DAEMON_LOCK}).scalar():
                raise StateError("another daemon already works on this database; stop it first")
            yield
        return
    with _lock_path(path).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(
                f"another daemon (process {daemon_pid(path)}) already works on {path}; "
                "stop it first, or leave the work to it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def daemon_pid(database: Path) -> int | None:
    """The process that runs as this database's daemon, or None."""
    path = _lock_path(database)
    if not path.exists():
        return None
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            said = file.read().strip()
            return int(said) if said.isdigit() else None
    return None


def _lock_path(database: Path) -> Path:
    return database.with_name(database.name + ".lock")
