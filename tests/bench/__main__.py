"""``make bench``: what the connector costs and how fast it is, each figure beside its target.

Exits 1 only when orders are missing or were sent twice: a slow machine is no fault.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hmac import digest
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.request import Request, urlopen

from tests.bench.programs import (
    SHOPIFY,
    WEBHOOK_SECRET,
    WOOCOMMERCE,
    Connector,
    Usage,
    ask,
    bare,
    resident,
    shop,
    shopify,
    side,
    sink,
)

SINCE = ("backfill", "--since", "2020-01-01", "--json")
TOKEN = "privy_" + "0123456789" * 4
POLL_SECONDS = 10.0
IDLE_SECONDS = 2 * POLL_SECONDS


@dataclass
class Report:
    """Figures printed as they come, and the faults found on the way."""

    faults: list[str] = field(default_factory=list)

    def say(self, what: str, figure: float, target: str) -> None:
        print(f"{what:<62} {figure:>9.3f}   {target}", flush=True)

    def check(self, good: bool, fault: str) -> None:
        if not good:
            self.faults.append(fault)
            print(f"FAULT: {fault}", flush=True)


@dataclass(frozen=True)
class Runs:
    """Where to work, how often each backfill is repeated, and whether to be short."""

    folder: Path
    times: int
    quick: bool


def bring(report: Report, folder: Path, orders: int, latency: float = 0.0) -> Usage:
    """One backfill of a whole shop, verified."""
    with shop(orders, latency) as shop_url:
        return backfill(report, folder, orders, shop_url, latency=latency)


def backfill(
    report: Report,
    folder: Path,
    orders: int,
    shop_url: str,
    *,
    latency: float = 0.0,
    store: str = WOOCOMMERCE,
) -> Usage:
    """One backfill, verified."""
    with sink(latency) as sink_url:
        connector = Connector(folder, shop_url, sink_url, store=store)
        used = connector.measure(*SINCE)
        took = ask(sink_url)
    with sqlite3.connect(connector.database) as database:
        states = dict(database.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
        kept = database.execute("SELECT count(*) FROM document").fetchone()[0]
    good = {"requests": states.get("delivered", 0), "orders": states.get("delivered", 0), "bad": 0}
    report.check(took == good, f"{orders} orders: the sink counted {took}, the database {states}")
    report.check(
        sum(states.values()) == kept == orders and not states.keys() & {"waiting", "failed"},
        f"{orders} orders: the database has {states} and {kept} documents",
    )
    return used


def yardstick(report: Report, runs: Runs) -> None:
    """What a loop of a few lines takes here: machines differ, and this one from hour to hour."""
    orders = 1_000 if runs.quick else 5_000
    with shop(orders) as shop_url, sink() as sink_url:
        used = [bare(shop_url, sink_url, runs.folder / f"bare-{n}.db") for n in range(runs.times)]
    processor = median(one.processor for one in used) / orders * 1000
    report.say("a bare loop on this machine: processor seconds per 1,000", processor, "to compare with")


def repeated(report: Report, runs: Runs, name: str, orders: int, latency: float = 0.0) -> Usage:
    """The median of each figure."""
    used = [bring(report, runs.folder / f"{name}-{n}", orders, latency) for n in range(runs.times)]
    return Usage(*(median(getattr(one, f) for one in used) for f in ("processor", "wall", "megabytes")))


def cost(report: Report, runs: Runs) -> None:
    """Processor time and memory, without limits."""
    sizes = (1_000, 3_000) if runs.quick else (5_000, 20_000)
    few, many = (repeated(report, runs, f"cost-{orders}", orders) for orders in sizes)
    for orders, used in zip(sizes, (few, many), strict=True):
        per_thousand = used.processor / orders * 1000
        report.say(f"{orders} orders: processor seconds per 1,000", per_thousand, "at most 0.65")
        report.say(f"{orders} orders: peak memory, MB", used.megabytes, "at most 90, the same for both")
        report.say(f"{orders} orders: seconds from start to end", used.wall, "")
    slope = (many.processor - few.processor) / (sizes[1] - sizes[0]) * 1000
    report.say("between the two: processor seconds per 1,000", slope, "at most 0.65")


def bulk(report: Report, runs: Runs) -> None:
    """A Shopify shop's history by a bulk operation, downloaded and read from disk."""
    orders = 2_000 if runs.quick else 20_000
    with shopify(orders) as shop_url:
        used = [
            backfill(report, runs.folder / f"bulk-{n}", orders, shop_url, store=SHOPIFY)
            for n in range(runs.times)
        ]
    processor = median(one.processor for one in used) / orders * 1000
    report.say(f"Shopify, {orders} orders: processor seconds per 1,000", processor, "at most 0.65")
    report.say(f"Shopify, {orders} orders: peak memory, MB", max(one.megabytes for one in used), "at most 90")


def far_away(report: Report, runs: Runs) -> None:
    """Speed where both sides take 100 ms to answer."""
    orders = 1_000 if runs.quick else 5_000
    used = repeated(report, runs, "far", orders, latency=0.1)
    report.say("100 ms latency on both sides: orders per second", orders / used.wall, "at least 100")


def limited(report: Report, runs: Runs) -> None:
    """How much of the budget a backfill uses, and how long live orders take meanwhile."""
    per_minute, seconds = (600, 30.0) if runs.quick else (60, 240.0)
    with ExitStack() as stack:
        shop_url = stack.enter_context(shop(int(per_minute * seconds / 60 * 2)))
        privy_url, arrivals = stack.enter_context(privy(per_minute))
        connector = Connector(
            runs.folder / "limited", shop_url, privy_url, token=TOKEN, per_minute=per_minute
        )
        live: dict[int, float] = {}
        with connector.running(*SINCE):
            wait(lambda: len(arrivals) > 3)
            start = time.time()
            for part in (0.2, 0.45, 0.7):
                time.sleep(max(0.0, start + part * seconds - time.time()))
                added = time.time()
                live[ask(f"{shop_url}/control/add", {})["result"]] = added
            time.sleep(max(0.0, start + seconds - time.time()))
    # The first seconds are left out: a start makes good what it was late.
    calm = start + 5.0
    taken = [order for moment, order, status in arrivals if status in (200, 201)]
    inside = sum(calm <= moment.timestamp() < start + seconds for moment, *_ in arrivals)
    share = inside / ((start + seconds - calm) / 60 * per_minute)
    waits = [
        next(moment.timestamp() for moment, one, _ in arrivals if one == order) - added
        for order, added in live.items()
        if order in taken
    ]
    report.check(len(waits) == len(live), f"of {len(live)} live orders only {len(waits)} arrived")
    report.check(len(taken) == len(set(taken)), "orders were sent twice")
    report.say(f"{per_minute} a minute for {seconds:.0f} s: share of the budget used", share, "at least 0.95")
    refused = sum(status == 429 for *_, status in arrivals)
    report.say(f"{per_minute} a minute for {seconds:.0f} s: answers 429", refused, "none")
    report.say(
        f"live order during it: seconds to acceptance (poll {POLL_SECONDS:.0f} s)",
        max(waits, default=-1.0),
        f"at most {POLL_SECONDS + 5:.0f}",
    )


def webhooks(report: Report, runs: Runs) -> None:
    """How long a live order takes from its webhook to Privy while a backfill uses the rest of the budget."""
    per_minute, orders = (600, 15) if runs.quick else (60, 40)
    dice = random.Random(1)
    with ExitStack() as stack:
        shop_url = stack.enter_context(shop(int(per_minute * 10)))
        privy_url, arrivals = stack.enter_context(privy(per_minute))
        connector = Connector(
            runs.folder / "webhooks", shop_url, privy_url, token=TOKEN, per_minute=per_minute, poll="12h"
        )
        posted: dict[int, float] = {}
        answered: list[float] = []
        with connector.running("run"):
            wait(lambda: bool(connector.listens_at()))
            with connector.running(*SINCE):
                wait(lambda: len(arrivals) > 3)
                for _ in range(orders):
                    time.sleep(dice.uniform(0.0, 2.0 * 60 / per_minute * 5))  # about a fifth of the budget
                    order = ask(f"{shop_url}/control/add", {})["result"]
                    posted[order] = time.time()
                    deliver(f"{connector.listens_at()}/webhooks/bench", order)
                    answered.append(time.time() - posted[order])
                wait(lambda: posted.keys() <= {order for _, order, _ in arrivals})
    taken = {order: moment.timestamp() for moment, order, status in arrivals if status in (200, 201)}
    waits = [taken[order] - at for order, at in posted.items() if order in taken]
    report.check(len(waits) == orders, f"of {orders} orders named by webhooks only {len(waits)} arrived")
    meanwhile = f"{per_minute} a minute, a backfill meanwhile"
    report.say(f"{meanwhile}: webhook answered, p95 s", quantiles(answered, n=20)[-1], "at most 0.1")
    report.say(f"{meanwhile}: webhook to acceptance, median s", median(waits), "")
    report.say(f"{meanwhile}: webhook to acceptance, p95 s", quantiles(waits, n=20)[-1], "at most 2")
    report.say(f"{meanwhile}: answers 429", sum(status == 429 for *_, status in arrivals), "none")


def deliver(address: str, order: int) -> None:
    """Post a webhook as the shop would."""
    body = json.dumps({"id": order}).encode()
    signature = b64encode(digest(WEBHOOK_SECRET.encode(), body, "sha256")).decode()
    headers = {"Content-Type": "application/json", "X-WC-Webhook-Signature": signature}
    with urlopen(Request(address, body, headers)) as answer:  # noqa: S310 - loopback
        assert answer.status == 202


def at_rest(report: Report, runs: Runs) -> None:
    """What the program costs when it has nothing to do."""
    with shop(1_000) as shop_url, sink() as sink_url:
        connector = Connector(runs.folder / "idle", shop_url, sink_url)
        used = connector.measure("--help")
        report.say("connector --help: processor seconds", used.processor, "at most 0.3")
        for python, how, target in (
            (["-OO"], "started as by the systemd unit", "at most 80"),
            ([], "with docstrings", "to compare with"),
        ):
            connector.prepare(python)
            connector.measure("sync", python=python)  # compiles the rest of what the daemon's polls use
            with connector.running("run", python=python) as pid:
                time.sleep(IDLE_SECONDS)  # what is measured: how it stands after two polls
                report.say(f"idle daemon, {how}: MB after {IDLE_SECONDS:.0f} s", resident(pid), target)


def steps(report: Report, runs: Runs) -> None:
    """How many transactions the two most frequent trips take: each is a flush of the disk, or a lock."""
    with shop(10) as shop_url, privy(60_000) as (privy_url, _):
        connector = Connector(runs.folder / "steps", shop_url, privy_url, token=TOKEN)
        command = [sys.executable, "-m", "tests.bench.steps", str(connector.file), shop_url]
        counted = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for what, most in (("idle poll", 3), ("webhook to Privy", 5)):
        report.say(f"{what}: transactions", counted[what], f"at most {most}")
        report.check(counted[what] <= most, f"{what} takes {counted[what]} transactions")


@contextmanager
def privy(per_minute: int) -> Iterator[tuple[str, list[tuple[datetime, int | None, int | None]]]]:
    """A sandbox with Privy's limits: its address, and (when, order, status) of what arrives."""
    limits = ("--per-minute", str(per_minute), "--per-day", "none", "--token", TOKEN)
    arrivals: list[tuple[datetime, int | None, int | None]] = []
    with side("connector", "sandbox", *limits, "--json", "--follow") as (first, sandbox):

        def listen() -> None:
            assert sandbox.stdout is not None
            for line in sandbox.stdout:
                seen = json.loads(line)
                moment = datetime.fromisoformat(seen["received_at"])
                arrivals.append((moment, seen["order_id"], seen["status"]))

        listener = Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield json.loads(first)["base_url"], arrivals
        finally:
            sandbox.kill()
            listener.join(5)


def wait(until: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll for something another process does; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("the backfill sends nothing")
        time.sleep(0.05)


PARTS = {
    "bare": yardstick,
    "cost": cost,
    "shopify": bulk,
    "latency": far_away,
    "limits": limited,
    "webhooks": webhooks,
    "rest": at_rest,
    "steps": steps,
}


def main() -> int:
    """Measure and print; 1 when orders are missing or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small shops and scaled limits: two minutes")
    parser.add_argument("--runs", type=int, default=1, help="repeat each backfill and take medians")
    parser.add_argument("parts", nargs="*", help=f"only these: {', '.join(PARTS)}; default: all")
    chosen = parser.parse_args()
    unknown = set(chosen.parts) - PARTS.keys()
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    report = Report()
    print(f"{'':<62} {'measured':>9}   target")
    with TemporaryDirectory(prefix="connector-bench-") as folder:
        runs = Runs(Path(folder), chosen.runs, chosen.quick)
        for name, part in PARTS.items():
            if not chosen.parts or name in chosen.parts:
                part(report, runs)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
