"""The programs that take part: the connector itself, measured, and the two sides that it stands between.

Each is a process of its own, so that its processor time and memory are its own. This process imports
little, because a child's peak memory begins with that of the process it was forked from.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


WOOCOMMERCE = """platform: woocommerce
    credentials: {consumer_key: ck_test, consumer_secret: cs_test}
    options: {authentication: basic}"""
WEBHOOK_SECRET = "whsec_of_the_benchmark"
SHOPIFY = """platform: shopify
    credentials: {client_id: client_test, client_secret: shpss_test}"""


@dataclass(frozen=True)
class Usage:
    """What a process took from start to end: seconds of processor and of time, peak memory in MB (10^6)."""

    processor: float
    wall: float
    megabytes: float


class Connector:
    """A configuration of one shop and one account in a folder, and the real command line on it."""

    def __init__(
        self,
        folder: Path,
        shop: str,
        privy: str,
        *,
        token: str = "bench",
        per_minute: int = 6_000_000,
        store: str = WOOCOMMERCE,
        poll: str = "10s",
    ) -> None:
        folder.mkdir()
        self.database = folder / "connector.db"
        self.file = folder / "connector.yaml"
        self._log = folder / "log"
        day = per_minute * 1440
        self.file.write_text(
            f"""
database: sqlite:///{self.database}
listen: 127.0.0.1:0
accounts:
  main:
    token: {token}
    base_url: {privy}
    quota: {{per_minute: {per_minute}, per_day: {day}, reserve_for_live: 10%}}
stores:
  bench:
    {store}
    url: {shop}
    account: main
    poll: {poll}
    webhook_secret: {WEBHOOK_SECRET}
"""
        )
        self.prepare()

    def prepare(self, python: Sequence[str] = ()) -> None:
        """Compile the modules and create the database, which are no part of what is measured."""
        for arguments in (["check"], ["backfill", "--help"], ["run", "--help"]):
            self.measure(*arguments, python=python)

    def measure(self, *arguments: str, code: int = 0, python: Sequence[str] = ()) -> Usage:
        """Run a command to its end; raises RuntimeError with its output when it exits otherwise.

        ``python`` are flags of the interpreter.
        """
        process = self._start(arguments, python)
        used = ended(process)
        if process.returncode != code:
            raise RuntimeError(f"{arguments} exited {process.returncode}: {self._log.read_text()[-2000:]}")
        return used

    @contextmanager
    def running(self, *arguments: str, python: Sequence[str] = ()) -> Iterator[int]:
        """The process id of a command that is interrupted at the end; ``python`` as for ``measure``."""
        process = self._start(arguments, python)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)

    def listens_at(self) -> str:
        """The address of the daemon's front; empty until it runs."""
        events = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return next((one["listen"] for one in events if one.get("event") == "daemon.started"), "")

    def _start(self, arguments: Sequence[str], python: Sequence[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, *python, "-m", "connector", "-c", str(self.file), *arguments]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)


def bare(shop_url: str, sink_url: str, database: Path) -> Usage:
    """The yardstick: see ``tests.bench.bare``."""
    command = [sys.executable, "-m", "tests.bench.bare", shop_url, sink_url, str(database)]
    process = subprocess.Popen(command, env=ENVIRONMENT)
    used = ended(process)
    if process.returncode != 0:
        raise RuntimeError(f"the bare loop exited {process.returncode}")
    return used


def ended(process: subprocess.Popen[bytes]) -> Usage:
    """Wait for the end of a process that was started just now; its ``returncode`` is set."""
    start = time.monotonic()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss * 1024 / 1e6)


@contextmanager
def side(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A shop or a sink: ``python -m`` these arguments, while it runs; yields its first line and itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def shop(orders: int, latency: float = 0.0) -> Iterator[str]:
    """The address of a WooCommerce stand-in with so many orders."""
    arguments = ["--secure", "--orders", str(orders), "--latency", str(latency)]
    with side("tests.shops.woocommerce", *arguments) as (address, _):
        yield address


@contextmanager
def shopify(orders: int) -> Iterator[str]:
    """The address of a Shopify stand-in with so many orders, all of the last 50 days."""
    step = 50 * 86400 / orders
    with side("tests.shops.shopify", "--orders", str(orders), "--step", str(step)) as (address, _):
        yield address


@contextmanager
def sink(latency: float = 0.0) -> Iterator[str]:
    """The address of a sink without limits."""
    with side("tests.bench.sink", "--latency", str(latency)) as (address, _):
        yield address


def ask(address: str, body: dict[str, Any] | None = None) -> Any:
    """JSON from one of the sides; a POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data)) as answer:  # noqa: S310 - loopback
        return json.load(answer)


def resident(pid: int) -> float:
    """The memory that a process holds now, in MB (10^6)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
