"""Processes of the command line that start in milliseconds: forked from one that has imported everything.

Starting Python and importing the program takes a second; hundreds of starts would not fit into ``make test``.
The parent (``python -m tests.fire.hatchery``) has one thread and no event loop, so its children are as clean
as if they had been started anew, and end as any process: by themselves or by a signal.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import selectors
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NoReturn

import msgspec

ROOT = Path(__file__).parents[2]
PRELOADED = (
    "connector.cli.main",
    *(
        f"connector.cli.{name}"
        for name in ("run", "backfill", "sync", "status", "reconcile", "forget", "failed")
    ),
    *(
        f"connector.cli.{name}"
        for name in ("check", "health", "preview", "reload", "webhooks", "explain", "replay")
    ),
    "adapters.shopify",
    "adapters.woocommerce",
    "alembic.command",
    "connector.state.migrations",
    "tests.fire.plugins",
    "tests.fire.saboteurs",
)


class Plugin(msgspec.Struct, frozen=True):
    """A function of this package, called with ``arguments`` before the command: ``plugins.fast`` for one."""

    name: str
    arguments: dict[str, Any] = {}


class Egg(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: arguments of the command line, and where."""

    arguments: Sequence[str]
    folder: str
    variables: Mapping[str, str]
    out: str
    err: str
    plugins: Sequence[Plugin] = ()


class Notice(msgspec.Struct, frozen=True):
    """A process began (``code`` is None) or ended, as asyncio tells it: a signal's number is negative."""

    pid: int
    code: int | None = None


class Hatched:
    """A process, with as much of ``asyncio.subprocess.Process`` as tests use."""

    def __init__(self, pid: int, ended: Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._ended.result() if self._ended.done() else None

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that still runs."""
        if not self._ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait for the end."""
        return await asyncio.shield(asyncio.wrap_future(self._ended))


class Hatchery:
    """The parent process, from the tests' side."""

    def __init__(self, parent: subprocess.Popen[bytes]) -> None:
        self._parent = parent
        self._lock = Lock()
        self._ends: dict[int, Future[int]] = {}
        self._begun: Future[Hatched] = Future()
        self._reader = Thread(target=self._read, name="hatchery", daemon=True)
        self._reader.start()

    def hatch(self, egg: Egg) -> Hatched:
        """Start a process; blocks for the milliseconds that it takes."""
        with self._lock:
            self._begun = Future()
            assert self._parent.stdin is not None
            self._parent.stdin.write(msgspec.json.encode(egg) + b"\n")
            self._parent.stdin.flush()
            return self._begun.result(timeout=60)

    def _read(self) -> None:
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            notice = msgspec.json.decode(line, type=Notice)
            if notice.code is None:
                ended = self._ends[notice.pid] = Future()
                self._begun.set_result(Hatched(notice.pid, ended))
            else:
                self._ends.pop(notice.pid).set_result(notice.code)


@contextmanager
def hatchery() -> Iterator[Hatchery]:
    """A hatchery, until the end of the block; processes that still run are killed then."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fire.hatchery"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT,
    ) as parent:  # fmt: skip
        yield Hatchery(parent)
        assert parent.stdin is not None
        parent.stdin.close()


@cache
def shared() -> Hatchery:
    """The one hatchery of this process of tests, until its end."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(hatchery())


def main() -> None:
    """Fork a child for each line on stdin, and tell of each child's beginning and end on stdout."""
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    news, nudge = os.pipe()
    os.set_blocking(nudge, False)
    signal.set_wakeup_fd(nudge)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    running: set[int] = set()
    waiting = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(news, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == news:
                    os.read(news, 4096)
                    _reap(running)
                    continue
                said = os.read(0, 1 << 20)
                if not said:
                    for pid in running:
                        os.kill(pid, signal.SIGKILL)
                    return
                *lines, waiting = (waiting + said).split(b"\n")
                for line in lines:
                    pid = os.fork()
                    if pid == 0:
                        selector.close()
                        _live(msgspec.json.decode(line, type=Egg))
                    running.add(pid)
                    _tell(Notice(pid))


def _reap(running: set[int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        running.remove(pid)
        _tell(Notice(pid, os.waitstatus_to_exitcode(status)))


def _tell(notice: Notice) -> None:
    os.write(1, msgspec.json.encode(notice) + b"\n")


def _live(egg: Egg) -> NoReturn:
    """A child's whole life: what ``python -m connector`` does, with the plugins loaded first."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for path, flags, number in (
        (os.devnull, os.O_RDONLY, 0),
        (egg.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 1),
        (egg.err, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 2),
    ):
        file = os.open(path, flags, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.closerange(3, 64)
    os.chdir(egg.folder)
    os.environ.clear()
    os.environ.update(egg.variables)
    sys.argv = ["connector", *egg.arguments]
    code = 1
    try:
        for plugin in egg.plugins:
            module, _, function = plugin.name.partition(".")
            getattr(import_module(f"tests.fire.{module}"), function)(**plugin.arguments)
        import_module("connector.cli.main").main()
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
