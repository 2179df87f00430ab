"""What machines and operators do to a running connector: every promise is kept, and what is wrong is said."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fire.hatchery import Hatchery, Plugin
from tests.fire.oracle import leaks
from tests.fire.trial import HISTORY, Trial, kill, trial
from tests.fire.weather import Weather
from tests.program import WOOCOMMERCE, Running, until

SOAK = bool(os.environ.get("SOAK"))  # ``make soak``: the long versions
POOL = min(32, (os.cpu_count() or 1) + 4)  # asyncio's own: it begins another thread when two things meet
THREADS = 3 + POOL  # the loop's, the database's and its reader's; all of them stay


# Several at once


async def test_daemons_and_a_backfill_started_at_once_are_one_that_works(
    tmp_path: Path, nest: Hatchery
) -> None:
    async with trial(tmp_path, nest, seed=3, orders=60, per_minute=3000) as fire:
        for _ in range(3):
            commands = (("run",), HISTORY, ("run",), ("sync",), ("status", "--json"))
            running = [await fire.program.start(*command) for command in commands]
            fire.trade.act()
            await running[-1].end()
            others = running[:3]
            # a daemon stays, and perhaps a backfill that follows it
            await until(lambda others=others: len(at_work(others)) <= 2)  # type: ignore[misc]
            if not at_work(
                others
            ):  # the backfill or the round came first, refused the others and is done already
                assert 0 in [(await running[index].end()).code for index in (1, 3)]
            for one in running:
                await stop(one)
        said = fire.program.printed()
        assert "already works on" in said
        assert "Traceback" not in said
        assert await fire.settled() == []


async def test_a_daemon_is_found_through_any_link_to_its_database(tmp_path: Path, nest: Hatchery) -> None:
    async with trial(tmp_path, nest, seed=1, orders=1) as fire:
        async with fire.program.daemon() as daemon:
            (tmp_path / "other.db").symlink_to(tmp_path / "connector.db")
            fire.program.configuration["database"] = "sqlite:///other.db"
            fire.program.write()
            second = await fire.program("run")
        assert second.code == 1
        assert f"another daemon (process {daemon.process.pid}) already works on" in second.stderr


async def test_a_daemon_whose_database_is_moved_away_stops_with_a_sentence(
    tmp_path: Path, nest: Hatchery
) -> None:
    async with trial(tmp_path, nest, seed=3, orders=1) as fire:
        running = await fire.program.start("run")
        await running.until_event("daemon.started")
        (tmp_path / "connector.db").rename(tmp_path / "moved.db")
        ended = await running.end()
        assert ended.code == 1
        assert "connector.db is not there any more; it was moved, replaced or deleted" in ended.stderr
        assert "Traceback" not in ended.stderr
        for suffix in ("", "-wal", "-shm"):
            if (tmp_path / f"moved.db{suffix}").exists():
                (tmp_path / f"moved.db{suffix}").rename(tmp_path / f"connector.db{suffix}")
        assert await fire.settled() == []


async def test_whoever_only_looks_for_a_daemon_keeps_none_from_starting(
    tmp_path: Path, nest: Hatchery
) -> None:
    async with trial(tmp_path, nest, seed=1, orders=1) as fire:
        await fire.program.good("sync")
        with (tmp_path / "connector.db.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # as every command does for an instant
            running = await fire.program.start("sync")
            await asyncio.sleep(0.3)
        assert (await running.end()).code == 0


# Changes that show nowhere


async def test_a_change_that_moves_no_time_is_found_by_reading_again(tmp_path: Path, nest: Hatchery) -> None:
    async with trial(tmp_path, nest, seed=4, orders=5) as fire:
        assert await fire.settled() == []
        number = fire.trade.old[0]
        fire.shop.storage = "legacy"  # moves an order's time only with its status
        fire.trade.raise_total(number)
        fire.shop.storage = "hpos"
        await fire.program.good("sync")
        missed = f"newest: Privy does not hold the newest state of order {number}"
        assert await fire.judged() == [missed]  # it reads the shop again, and that finds it
        await fire.program.good("sync")
        assert await fire.judged() == []
        assert not fire.sandbox.ledger.flows


# Copies


async def test_a_copy_of_the_database_that_is_put_back_tells_privy_nothing_older(
    tmp_path: Path, nest: Hatchery
) -> None:
    """The copy holds an order that waits; meanwhile Privy was told of it, and of what it became."""
    async with trial(tmp_path, nest, seed=5, orders=5) as fire:
        fire.privy.set(Weather(share=1.0, kinds=("500",)))
        running = await fire.program.start("run")
        await until(lambda: fire.program.path.with_name("connector.db").exists())
        fire.trade.act()
        await until(lambda: fire.privy.arrivals)
        await asyncio.sleep(0.3)
        copy = tmp_path / "copy.db"
        with (
            sqlite3.connect(tmp_path / "connector.db") as source,
            sqlite3.connect(copy) as target,
        ):
            source.backup(target)
        source.close()
        target.close()
        fire.privy.set(Weather())
        number = fire.trade.live[0]
        await until(lambda: number in fire.sandbox.ledger.orders)
        calls = fire.sandbox.ledger.orders[number].calls
        fire.trade.raise_total(number)
        await until(lambda: fire.sandbox.ledger.orders[number].calls > calls)
        await kill(running)
        for file in tmp_path.glob("connector.db*"):
            file.unlink()
        shutil.copy(copy, tmp_path / "connector.db")
        refused = await fire.program("sync")
        assert (refused.code, "connector adopt --database" in refused.stderr) == (1, True)
        assert "is not where it belongs" in (await fire.program("status")).stderr
        await fire.program.good("adopt", "--database")
        assert await fire.settled() == []


# Disks


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (Plugin("plugins.full_disk", {"pages": 60}), "the disk is full; make room, nothing is lost"),
        (Plugin("plugins.short_files", {"size": 220_000}), "the disk"),
    ],
    ids=["full", "broken"],
)
async def test_a_disk_that_takes_nothing_more_costs_no_order(
    tmp_path: Path, nest: Hatchery, plugin: Plugin, says: str
) -> None:
    async with trial(tmp_path, nest, seed=6, orders=150) as fire:
        running = await fire.program.start("run", plugins=[plugin])
        await running.until_event("daemon.started")  # else the backfill might be the daemon
        history = await fire.program.start(*HISTORY)
        # the trouble of what met it or, where not even that can be written, a fault of the database
        await until(lambda: any(says in event.get("error", "") for event in running.events()))
        fire.trade.act()
        await asyncio.sleep(0.5)
        stopped = await stop(running)
        assert "Traceback" not in stopped
        await stop(history)
        assert await fire.settled() == []


async def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, nest: Hatchery) -> None:
    async with trial(tmp_path, nest, seed=1, orders=1) as fire:
        fire.program.plugins.append(Plugin("plugins.unprivileged"))
        await fire.program.good("sync")
        lock, database = tmp_path / "connector.db.lock", tmp_path / "connector.db"
        for path, mode, says in (
            (lock, 0o000, "connector.db.lock cannot be opened: Permission denied"),
            (database, 0o444, "it is read-only; give the user that runs the connector write access"),
        ):
            before = path.stat().st_mode
            path.chmod(mode)
            for command in (("run",), ("sync",), HISTORY):
                refused = await fire.program(*command)
                assert (refused.code, refused.stdout) == (1, "")
                assert says in refused.stderr
            for file in tmp_path.glob("connector.db*"):  # SQLite gives its log the rights of its database
                file.chmod(before)
        assert await fire.settled() == []


async def test_a_database_that_another_process_holds_is_waited_for_and_holds_up_no_stop(
    tmp_path: Path, nest: Hatchery
) -> None:
    async with trial(tmp_path, nest, seed=7, orders=10) as fire:
        running = await fire.program.start("run")
        await running.until_event("daemon.started")
        fire.trade.act()
        await until(lambda: fire.sandbox.arrivals)
        holder = sqlite3.connect(tmp_path / "connector.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        fire.trade.act()
        await until(lambda: running.events("database.fault"))
        holder.execute("ROLLBACK")
        arrived = len(fire.sandbox.arrivals)
        await until(lambda: len(fire.sandbox.arrivals) > arrived)  # it goes on by itself
        holder.execute("BEGIN IMMEDIATE")
        fire.trade.act()
        await asyncio.sleep(1)
        asked = time.monotonic()
        await stop(running)
        assert time.monotonic() - asked < 15  # ten, and a busy machine
        holder.execute("ROLLBACK")
        holder.close()
        assert await fire.settled() == []


# Clocks


@pytest.mark.parametrize("hours", [5, -5])
async def test_a_wall_clock_that_jumps_for_hours_neither_bursts_nor_stalls(
    tmp_path: Path, nest: Hatchery, hours: int
) -> None:
    async with trial(tmp_path, nest, seed=8, orders=120, factor=60.0, per_minute=60) as fire:
        jumping = Plugin("plugins.jumping", {"seconds": hours * 3600.0, "every": 0.7})
        running = await fire.program.start("run", plugins=[jumping])
        await running.until_event("daemon.started")
        history = await fire.program.start(*HISTORY)
        while len(fire.privy.arrivals) < 100:  # a minute is a second here, so it takes two
            fire.trade.act()
            await asyncio.sleep(0.5)
        await stop(history)
        await stop(running)
        assert await fire.settled() == []


# Leaks


async def test_no_planted_word_is_printed_and_after_a_purge_none_is_in_any_file(
    tmp_path: Path, nest: Hatchery
) -> None:
    person = {
        "first_name": "Zebulonia", "last_name": "Quasimodina", "company": "Fernwhistleworks",
        "address_1": "17 Fernwhistlelane", "address_2": "", "city": "Fernwhistleville", "state": "NY",
        "postcode": "10001", "country": "US",
        "email": "fernwhistle.person@example.com", "phone": "+1 212 555 0187",
    }  # fmt: skip
    words = ("Zebulonia", "Quasimodina", "ernwhistle", "5550187", "555 0187")
    async with trial(tmp_path, nest, seed=9, orders=10) as fire:
        for _ in range(5):
            fire.trade.live.append(
                fire.shop.add(billing=person, shipping=person, customer_note="fernwhistlenote")
            )
        fire.privy.set(Weather(seed=9, share=0.5, seconds=0.5))
        fire.front.set(Weather(seed=10, share=0.3, path="/orders", seconds=0.5))
        running = await fire.program.start(*HISTORY)
        await asyncio.sleep(2)
        await kill(running)
        assert await fire.settled() == []
        for command in ("status", "check", "failed list"):
            await fire.program(*command.split())
        files = [*tmp_path.glob("connector.db*")]
        secrets = [*WOOCOMMERCE.credentials.values(), fire.sandbox.token]
        assert leaks(words, [], files)  # they are there, so that looking for them means something
        await fire.program.good("forget", person["email"])
        assert leaks(words, [], files) == []
        assert leaks([*words, *secrets], [fire.program.printed()]) == []


# Time


async def test_days_of_work_leave_memory_files_and_threads_as_they_were(
    tmp_path: Path, nest: Hatchery
) -> None:
    """Half a day, or ten; a day's waiting passes in a minute or so. Retention is short, as days are."""
    async with trial(tmp_path, nest, seed=10, orders=20, factor=2000.0) as fire:
        fire.program.configuration["retention"] = "1h"
        fire.program.write()
        running = await fire.program.start("run")
        await running.until_event("daemon.started")
        half = 10 * 86_400 / 2000 / 2 if SOAK else 9.0
        fire.privy.set(Weather(seed=1, share=0.05, kinds=("500", "reset", "cut", "html"), seconds=0.1))
        await work(fire, half)
        before = await usage(running.process.pid)
        await work(fire, half)
        after = await usage(running.process.pid)
        assert max(before["threads"], after["threads"]) <= THREADS
        assert after["files"] <= before["files"] + 8  # connections that are kept
        assert after["memory"] < before["memory"] * 1.1 + 4 * 1024**2
        await stop(running)
        assert await fire.settled() == []


def at_work(processes: Sequence[Running]) -> list[Running]:
    """Those that have not ended."""
    return [one for one in processes if one.process.returncode is None]


async def work(fire: Trial, seconds: float) -> None:
    """Trade for so many true seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        fire.trade.act()
        await asyncio.sleep(0.25)


async def usage(pid: int) -> dict[str, int]:
    """A process's resident memory in bytes, its open files and its threads, when it has least to do."""
    least: dict[str, int] = {}
    for _ in range(30):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        now = {
            "memory": pages * os.sysconf("SC_PAGE_SIZE"),
            "files": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(os.listdir(f"/proc/{pid}/task")),
        }
        least = {name: min(now[name], least.get(name, now[name])) for name in now}
        await asyncio.sleep(0.1)
    return least


async def stop(running: Running) -> str:
    """SIGTERM, and what it printed on stderr."""
    if running.process.returncode is None:
        running.signal(signal.SIGTERM)
    return (await running.end()).stderr
