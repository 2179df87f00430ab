"""How long transactions of the daemon, and of commands beside it, hold the writer in a large database.

``python -m tests.bench.writer [ORDERS [WORK…]]`` makes a database of so many orders directly (a million:
2 GB) and says the longest transaction of each work within half a minute. None may be over 250 ms.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text

from connector.ingest import erasure
from connector.model.states import Settlement
from connector.state import documents, inbox, retention
from connector.state.database import Database
from connector.state.outbox import claims
from tests.state import AMPLE, NOW, HandClock, State, sending_rules, version

LONGEST = 0.250  # seconds
SECONDS = 30.0  # of each work: its transactions are all alike
BUYERS = 200  # orders of the one who is forgotten, at most

Work = Callable[[State], Awaitable[object]]


@contextmanager
def transactions(db: Database) -> Iterator[list[float]]:
    """The seconds that each transaction of the writer took."""
    took: list[float] = []
    began = time.perf_counter()

    def start(_: Any) -> None:
        nonlocal began
        began = time.perf_counter()

    def end(_: Any) -> None:
        took.append(time.perf_counter() - began)

    for name, listener in (("begin", start), ("commit", end), ("rollback", end)):
        event.listen(db.engine, name, listener)
    try:
        yield took
    finally:
        for name, listener in (("begin", start), ("commit", end), ("rollback", end)):
            event.remove(db.engine, name, listener)


def fill(connection: Connection, orders: int) -> None:
    """Half of the orders wait as history, half are delivered; each with document, body and one line."""
    body = json.dumps({"email": "ann@shop.example", "total": 95, "order_id": 1, "text": "x" * 600}).encode()
    other = json.dumps({"email": "bob@shop.example", "total": 95, "order_id": 1, "text": "x" * 600}).encode()
    packed = documents.pack({"id": 1, "text": "x" * 900})
    at = (NOW - timedelta(days=40)).isoformat(" ", "microseconds")[:-6]
    every = max(1, orders // BUYERS)
    given = {"at": at, "body": body, "other": other, "packed": packed, "every": every, "orders": orders}
    for statement in FILL:
        connection.exec_driver_sql(f"{SOME} {statement}", given)


SOME = "WITH RECURSIVE some(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < :orders)"
FILL = (
    """INSERT INTO outbox (store, ref, account, order_id, number, state, lane, rule, reason, notes, placed_at,
       changed_at, fetched_at, first_seen_at, due_at, attempts, hash, settled, addresses, maybe,
       told_addresses, told_hash, told_at) SELECT 'acme', printf('%08d', n), 'main', n, '',
       iif(n % 2, 'delivered', 'waiting'), 'history', '', '', '', :at, :at, :at, :at, 0, 0, 'h', 0, '', 0, '',
       iif(n % 2, 'h', NULL), iif(n % 2, :at, NULL) FROM some""",
    """INSERT INTO body (store, ref, body)
       SELECT 'acme', printf('%08d', n), iif(n % :every, :other, :body) FROM some""",
    """INSERT INTO document (store, ref, changed_at, fetched_at, feed, gone, body)
       SELECT 'acme', printf('%08d', n), :at, :at, 'poll', 0, :packed FROM some""",
    """INSERT INTO event (at, store, ref, kind, outcome, detail)
       SELECT :at, 'acme', printf('%08d', n), 'seen', 'waiting', 'by poll' FROM some""",
)


async def _turn(state: State, resting: tuple[str, ...] = ()) -> None:
    """What a turn of delivery asks: claims, and when the next is due."""
    names = [name for name in ("acme", "zeta") if name not in resting]
    steady = state.clock.steady()
    claimed = await state.db.run(
        claims.claim,
        "main",
        {name: sending_rules() for name in names},
        AMPLE,
        fixed=("acme", "zeta"),
        now=state.clock.now(),
        steady=steady,
        most=50,
    )
    settled = [claims.Settled(claim=one, outcome=Settlement.DELIVERED, detail="") for one in claimed]
    if settled:
        await state.db.run(claims.settle, "main", settled, now=state.clock.now(), steady=steady)
    if not await state.db.run(claims.any_due, "main", names, steady):
        await state.db.run(claims.next_due, "main", names)


async def _rested(state: State) -> None:
    await _turn(state, ("acme",))


async def _page(state: State) -> None:
    await asyncio.to_thread(
        state.accept, *(version(str(n), order_id=9_000_000 + n) for n in range(100)), store="zeta"
    )


async def _forget(state: State) -> None:
    await erasure.forget(state.db, {}, "ann@shop.example", NOW, "by the benchmark")


async def _recover(state: State) -> None:
    await state.db.run(claims.recover, "main", now=NOW, steady=state.clock.steady())
    limit = state.clock.steady() + 1800.0
    while late := await state.db.read(claims.due_after, "acme", limit, 500):
        await state.db.run(claims.hasten, "acme", late, limit)
    await state.db.run(inbox.recover, state.clock.steady())


async def _retain(state: State) -> None:
    await retention.retain(state.db, NOW - timedelta(days=30), ["acme", "zeta"])


async def _retire(state: State) -> None:
    await retention.retire(state.db, "acme")


WORKS: dict[str, Work] = {
    "a page of 100 orders": _page,
    "a turn of delivery": _turn,
    "a turn while the store rests": _rested,
    "recovery after a start": _recover,
    "forget": _forget,
    "retention": _retain,
    "retire": _retire,
}


async def measure(state: State, report: Callable[[str], None], names: list[str]) -> bool:
    """Do each work; false when a transaction was too long."""
    good = True
    for name in names:
        with transactions(state.db) as took:
            began = time.perf_counter()
            with suppress(TimeoutError):
                await asyncio.wait_for(WORKS[name](state), SECONDS)
            whole = time.perf_counter() - began
        longest = max(took, default=0.0)
        good &= longest <= LONGEST
        report(
            f"{name}: longest transaction {longest * 1000:.0f} ms of {len(took)}, all {whole:.1f} s"
            + ("" if longest <= LONGEST else "  TOO LONG")
        )
    return good


def main(orders: int, names: list[str]) -> bool:
    """Make the database, measure, and say what it took."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'connector.db'}")
        try:
            state = State(database, HandClock())
            database.work(lambda one: one.execute(text("UPDATE store SET numbering = 'native'")))
            began = time.perf_counter()
            database.work(fill, orders)
            sys.stderr.write(f"{orders} orders made in {time.perf_counter() - began:.0f} s\n")
            return asyncio.run(measure(state, lambda line: print(line, flush=True), names))
        finally:
            database.close()


if __name__ == "__main__":
    sys.exit(0 if main(int((sys.argv[1:] or ["1000000"])[0]), sys.argv[2:] or list(WORKS)) else 1)
