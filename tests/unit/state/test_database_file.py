"""The file itself: for us alone, under one name, and where it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from connector.model.errors import Displaced, StateError
from connector.state.daemon_lock import daemon_lock, daemon_pid, lock_path
from connector.state.database import Database


def opened(path: Path) -> Database:
    return Database(f"sqlite:///{path}")


def write(connection: Connection) -> None:
    connection.execute(text("INSERT OR REPLACE INTO property (name, value) VALUES ('a', 'b')"))


def test_a_file_with_two_names_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "connector.db").close()
    os.link(tmp_path / "connector.db", tmp_path / "other.db")
    for name in ("connector.db", "other.db"):
        with pytest.raises(StateError, match="has 2 names"):
            opened(tmp_path / name)


def test_a_file_that_is_mounted_alone_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "connector.db").close()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "connector.db").touch()
    program = (
        "import sys; from connector.state.database import Database; "
        "Database('sqlite:///' + sys.argv[1] + '/elsewhere/connector.db')"
    )
    script = 'mount --bind "$1/connector.db" "$1/elsewhere/connector.db" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(tmp_path), sys.executable, program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unshare failed" in done.stderr or "permission denied" in done.stderr.lower():
        return  # this machine lets nobody mount
    assert "is a mount of that file alone" in done.stderr


def test_what_others_may_read_is_said_and_closed_to_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "connector.db"
    opened(file).close()
    lock_path(file).touch()
    for one in (file, lock_path(file)):
        one.chmod(0o644)
    opened(file).close()
    printed = capsys.readouterr()
    for one in (file, lock_path(file)):
        assert one.stat().st_mode & 0o777 == 0o600
        assert str(one) in printed.out + printed.err
    opened(file).close()
    assert "open_to_others" not in "".join(capsys.readouterr())


def test_a_new_lock_is_for_us_alone(tmp_path: Path) -> None:
    database = opened(tmp_path / "connector.db")
    before = os.umask(0o022)
    try:
        with daemon_lock(database.engine, database.path) as lock:
            assert lock.path is not None
            assert lock.path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
        database.close()


def _moved(file: Path) -> None:
    file.rename(file.with_name("moved.db"))


def _replaced(file: Path) -> None:
    shutil.copy2(file, file.with_name("new.db"))
    os.replace(file.with_name("new.db"), file)


def _linked(file: Path) -> None:
    file.unlink()


def _log_deleted(file: Path) -> None:
    file.with_name(file.name + "-wal").unlink()


@pytest.mark.parametrize("disturb", [_moved, _replaced, _linked, _log_deleted])
def test_nothing_is_taken_into_a_file_that_is_not_in_its_place(
    tmp_path: Path, disturb: Callable[[Path], None]
) -> None:
    database = opened(tmp_path / "connector.db")
    database.work(lambda connection: connection.execute(text("SELECT 1")))
    disturb(tmp_path / "connector.db")
    with pytest.raises(Displaced, match=r"connector\.db.* (is not there any more|is another file now)"):
        database.work(write)
    database.close()


def test_nothing_is_taken_without_the_lock_that_was_there(tmp_path: Path) -> None:
    database = opened(tmp_path / "connector.db")
    with daemon_lock(database.engine, database.path) as lock:
        database.watch(lock.path)
        database.work(write)
        lock_path(tmp_path / "connector.db").unlink()
        with pytest.raises(Displaced, match=r"connector\.db\.lock is not there"):
            database.work(write)
    database.close()


def test_a_deleted_lock_file_lets_no_second_daemon_in(tmp_path: Path) -> None:
    file = tmp_path / "connector.db"
    first, second = opened(file), opened(file)
    with daemon_lock(first.engine, first.path):
        assert daemon_pid(file) == os.getpid()
        lock_path(file).unlink()
        with pytest.raises(StateError, match="another daemon already works"):
            daemon_lock(second.engine, second.path).__enter__()
        lock_path(file).unlink(missing_ok=True)
        with pytest.raises(StateError, match="deleted or replaced"):
            daemon_pid(file)
    with daemon_lock(second.engine, second.path):
        assert daemon_pid(file) == os.getpid()
    assert daemon_pid(file) is None
    second.close()
    first.close()


def test_looking_for_a_daemon_leaves_sqlites_own_locks_alone(tmp_path: Path) -> None:
    """Closing a descriptor of the file would drop them: another process could write into our transaction."""
    file = tmp_path / "connector.db"
    database = opened(file)
    other = (
        "import sqlite3, sys; one = sqlite3.connect(sys.argv[1], timeout=0); one.execute('BEGIN IMMEDIATE')"
    )

    def during(connection: Connection) -> str:
        write(connection)
        daemon_pid(file)
        Database(f"sqlite:///{file}").close()
        done = subprocess.run(
            [sys.executable, "-c", other, str(file)], capture_output=True, text=True, check=False
        )
        return done.stderr

    assert "database is locked" in database.work(during)
    database.close()
