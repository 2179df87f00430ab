"""The SQLite file itself: who else may read it, how many names it has, and whether it is still there.

SQLite finds its log by the database's name. Under a second name, or after the file was moved or replaced, two
programs would write past each other, or one into a file that nobody will ever open again
(https://sqlite.org/howtocorrupt.html, 2.4 and 2.5).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from connector.model.errors import Displaced, StateError
from connector.state.file_systems import mounted_alone, refuse_network_file_system

log = structlog.get_logger()

COMPANIONS = ("-wal", "-shm")

_Identity = tuple[int, int]


def prepare(path: Path) -> None:
    """Make a new file that only we may read; refuse one that cannot be used safely, with StateError."""
    refuse_network_file_system(path)
    if path.parent.is_dir() and not path.exists():
        with suppress(OSError):  # the same fault is told in words when the database is opened
            path.touch(mode=0o600)  # it holds buyers' data; its log and index take the same rights
    with suppress(OSError):  # what cannot be looked at cannot be opened either
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise StateError(
                f"database: {path} has {found.st_nlink} names (hard links); SQLite keeps a log for each, so "
                "that programs under different names would destroy each other's work. Remove the others; for "
                'a copy: sqlite3 connector.db ".backup copy.db"'
            )
        if mounted_alone(path.resolve()):
            raise StateError(
                f"database: {path} is a mount of that file alone, and SQLite's log beside it is not in it: "
                "what was written would be lost, or destroyed from outside. Mount its folder"
            )


def protect(path: Path) -> None:
    """Say when others may read the file, and take that right away where the file is ours."""
    try:
        found = path.stat()
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode) or not found.st_mode & 0o077:
        return
    mode = stat.S_IMODE(found.st_mode)
    rights, closed = f"{mode:04o}", mode & 0o700  # nothing is added: what is read-only is meant to be
    if found.st_uid == os.geteuid():
        with suppress(OSError):
            path.chmod(closed)
            log.warning("database.was_open_to_others", file=str(path), rights=rights, now=f"{closed:04o}")
            return
    log.warning("database.is_open_to_others", file=str(path), rights=rights, todo=f"chmod 600 {path}")


class DatabaseFile:
    """The file as it was opened, and what else must stay where it is: its log, the daemon's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watched: dict[Path, _Identity] = {}
        self.watch(path)

    def watch(self, path: Path) -> None:
        """From now on this file must stay in its place."""
        identity = _identity(path)
        if identity is not None:
            self._watched[path] = identity

    def watch_companions(self) -> None:
        """SQLite's log and index, once they are there; they stay as long as the database is open."""
        real = self.path.resolve()
        for suffix in COMPANIONS:
            self.watch(real.with_name(real.name + suffix))

    def all_files(self, *others: Path) -> list[Path]:
        """Those that hold buyers' data or decide who may work with them, and exist."""
        real = self.path.resolve()
        files = [real, *(real.with_name(real.name + suffix) for suffix in COMPANIONS), *others]
        return [file for file in files if file.exists()]

    def verify(self) -> None:
        """Raise Displaced when something was moved, replaced or deleted: what we write would be lost."""
        for path, identity in self._watched.items():
            found = _identity(path)
            if found != identity:
                how = "is not there any more" if found is None else "is another file now"
                raise Displaced(
                    f"database: {path} {how}; it was moved, replaced or deleted while this program worked "
                    "with it, so nothing more is taken. Put it back, or start the program anew"
                )


def _identity(path: Path) -> _Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
