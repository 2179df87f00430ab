"""What is done to a process of the command line before its command runs; none of it is in the program."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import selectors
import signal
import struct
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from apscheduler.executors import base as executors
from apscheduler.schedulers import base as schedulers
from apscheduler.triggers import date, interval
from sqlalchemy import Engine, event
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from connector.daemon import scheduler
from connector.delivery.privy import Privy
from connector.runtime import http, log
from connector.runtime.clock import Clock
from connector.runtime.http import Http, Reply


def fast(begin: float, factor: float) -> None:
    """Let every duration pass ``factor`` times as fast: waits, time-outs, windows of the quota.

    ``begin`` (unix seconds) is the same for all processes of a trial, so that the steady clock goes on
    from one to the next. The wall clock, and so every fact about the world, stays as it is. Time-outs
    stay long enough for a machine that is busy with other tests: at least a second, truly.
    """
    Clock.steady = lambda self: begin + (time.time() - begin) * factor  # type: ignore[method-assign]
    asyncio.BaseEventLoop.time = lambda self: time.monotonic() * factor  # type: ignore[method-assign]
    plain = selectors.EpollSelector.select

    def select(self: Any, timeout: float | None = None) -> Any:
        return plain(self, timeout / factor if timeout is not None and timeout > 0 else timeout)

    selectors.EpollSelector.select = select  # type: ignore[method-assign]
    Clock.ahead = lambda self: 0.0  # type: ignore[method-assign]

    class Fast(datetime):
        """The timetable's clock."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(begin + (time.time() - begin) * factor, tz)

    for module in (scheduler, schedulers, executors, interval, date):
        vars(module)["datetime"] = Fast
    slower = max(1.0, factor / 30)
    http.CONNECT_SECONDS *= slower * 3
    for function, name in (
        (Http.__init__, "read_seconds"),
        (Http.send, "deadline"),
        (Privy.__init__, "deadline"),
    ):
        defaults = function.__kwdefaults__
        assert defaults is not None
        defaults[name] *= slower


def abort(kind: str, number: int) -> None:
    """Die as by ``kill -9`` at the ``number``-th occurrence.

    ``kind`` is write (before an INSERT, UPDATE or DELETE), commit (before it), committed (after it),
    request (before it leaves) or answer (after it came). A transaction that wrote nothing has no commit.
    """
    seen = 0
    changes: dict[int, int] = {}

    def count(what: str) -> None:
        nonlocal seen
        if what == kind:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    commit: Callable[[Any, Any], None] = SQLiteDialect_pysqlite.do_commit

    def do_commit(self: Any, connection: Any) -> None:
        before = changes.get(id(connection.driver_connection), 0)
        changes[id(connection.driver_connection)] = connection.total_changes
        wrote = connection.total_changes != before
        if wrote:
            count("commit")
        commit(self, connection)
        if wrote:
            count("committed")

    SQLiteDialect_pysqlite.do_commit = do_commit  # type: ignore[method-assign]

    @event.listens_for(Engine, "before_cursor_execute")
    def _(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split(None, 1)[0].upper() in ("INSERT", "UPDATE", "DELETE"):
            count("write")

    plain: Callable[..., Awaitable[Reply]] = Http.send

    async def send(self: Http, *given: Any, **named: Any) -> Reply:
        count("request")
        reply = await plain(self, *given, **named)
        count("answer")
        return reply

    Http.send = send  # type: ignore[method-assign]


def jumping(seconds: float, every: float) -> None:
    """Set the wall clock ``seconds`` forward, and back again, every so many (true) seconds."""
    begin = time.monotonic()

    def now(self: Clock) -> datetime:
        ahead = int((time.monotonic() - begin) / every) % 2 == 1
        return datetime.now(UTC) + timedelta(seconds=seconds if ahead else 0.0)

    Clock.now = now  # type: ignore[method-assign]


def full_disk(pages: int) -> None:
    """SQLite finds no room beyond so many pages of the database (SQLITE_FULL)."""

    @event.listens_for(Engine, "connect")
    def _(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")


def short_files(size: int) -> None:
    """No file of this process can grow beyond ``size`` bytes: writes fail as on a broken disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def unprivileged() -> None:
    """Root's right to write where permissions forbid it is given up (CAP_DAC_OVERRIDE and _READ_SEARCH).

    As others than root this changes nothing. See capset(2), _LINUX_CAPABILITY_VERSION_3.
    """
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    data = ctypes.create_string_buffer(24)
    if libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    words = list(struct.unpack("=6I", data.raw[:24]))
    without = ~0b110
    words[0] &= without  # effective
    words[1] &= without  # permitted
    data = ctypes.create_string_buffer(struct.pack("=6I", *words))
    if libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def talkative() -> None:
    """Let everything write its log from DEBUG on: the program, its libraries, asyncio itself."""
    plain = log.configure

    def configure(**how: Any) -> None:
        plain(**{**how, "level": "debug"})
        logging.getLogger().setLevel(logging.DEBUG)

    log.configure = configure
