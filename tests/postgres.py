"""A PostgreSQL server for the test session, from the binaries that are on the machine.

It lives in a temporary directory, listens on a Unix socket there and on no port, and forgets to fsync.
PostgreSQL refuses to run as root, so root's tests run it as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

CLUSTER = ("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=")


def find_binaries() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl``, the newest version first; None where there is none."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    on_path = shutil.which("initdb")
    folders = [*versions, Path(on_path).resolve().parent] if on_path else versions
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class PostgresServer:
    """A running server; gives out databases."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._numbers = count(1)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new, empty database, dropped at the end. Yields its SQLAlchemy URL."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+psycopg://postgres@/{name}?host={self._socket}"
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=str(self._socket), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_server(binaries: Path) -> Iterator[PostgresServer]:
    """A server that is ready for connections, stopped and removed at the end."""
    owner = _owner()
    home = Path(tempfile.mkdtemp(prefix="connector-postgres-"))
    try:
        if owner is not None:
            os.chown(home, owner.pw_uid, owner.pw_gid)
        data = home / "data"
        initdb, pg_ctl = binaries / "initdb", binaries / "pg_ctl"
        _run(owner, initdb, "--pgdata", data, "--username=postgres", "--auth=trust", *CLUSTER)
        settings = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={home}"))
        _run(owner, pg_ctl, "start", "--wait", "--pgdata", data, "--log", home / "log", "--options", settings)
        try:
            yield PostgresServer(home)
        finally:
            _run(owner, pg_ctl, "stop", "--mode=immediate", "--pgdata", data)
    finally:
        shutil.rmtree(home)


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None when we are not, and it can run as we do."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


def _run(owner: pwd.struct_passwd | None, *command: str | Path) -> None:
    """Run a program of PostgreSQL to its end. Raises RuntimeError with what it said when it fails."""
    done = subprocess.run(
        command,
        cwd="/",
        user=owner and owner.pw_uid,
        group=owner and owner.pw_gid,
        extra_groups=[] if owner else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}")
