"""``connector import``: orders from a file."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, assert_never

import click
import msgspec
from sqlalchemy import Connection

from connector.admin.order_files import Entry, OrderFile
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.parameters import Moment
from connector.daemon.app import App
from connector.ingest.push import MOMENT, Arrivals, pushed_adapter, take_in
from connector.ingest.source import Shop
from connector.model.errors import BadOrder, NoId, UsageError
from connector.model.states import ArrivalState, Lane
from connector.runtime.terminal import one_line, styled
from connector.state.daemon_lock import daemon_pid
from connector.state.outbox import acceptance

if TYPE_CHECKING:
    from rich.progress import Progress

BATCH = 100  # orders of one transaction
BREATH = 0.02  # seconds after each in which a daemon can have the database
MOST_FAULTS = 1000  # are kept for --json; all are printed


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with an order of the file. Only one with an ``order`` is kept, as failed."""

    line: int
    order: str
    reason: str


class Import(msgspec.Struct, kw_only=True):
    """What became of a file. ``live`` and ``history`` wait to be sent; ``left_out`` could not be kept."""

    store: str
    as_of: datetime
    dry_run: bool
    read: int = 0
    live: int = 0
    history: int = 0
    unchanged: int = 0
    stale: int = 0
    skipped: dict[str, int] = {}
    failed: int = 0
    left_out: int = 0
    faults: list[Fault] = []


@click.command("import")
@click.argument("store", shell_complete=complete_store)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of the orders; keep nothing.")
@click.option(
    "--as-of",
    type=Moment(past=True),
    help="When the file was written (UTC): what was pushed later is newer. Default: its modification time.",
)
@as_json_option
@click.pass_obj
def import_(
    config: Path | None, store: str, file: Path, dry_run: bool, as_of: datetime | None, as_json: bool
) -> None:
    """Bring orders of FILE (- for standard input) into STORE, whose orders are pushed.

    JSON Lines (an order a line), a list of JSON, or CSV (a header; billing.city is a key in another, and rows
    with the same id that follow each other give lines[].sku an element each); also compressed with gzip. The
    same file again costs nothing, so after Ctrl-C just start anew. Exits 1 when an order has a fault; the
    rest goes on.
    """
    signal.signal(signal.SIGINT, _interrupt)
    with _opened(file) as source:
        done = with_app(config, lambda app: _bring(app, app.shop(store), source, file, dry_run, as_of))
    if as_json:
        print_json(done)
    else:
        _show(done, file)
    sys.exit(1 if done.failed or done.left_out else 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """At once: asyncio would only cancel the task, which sees nothing while it waits for a line of stdin."""
    raise KeyboardInterrupt


@contextmanager
def _opened(file: Path) -> Iterator[io.RawIOBase]:
    if str(file) == "-":
        yield io.FileIO(sys.stdin.fileno(), closefd=False)
        return
    try:
        with file.open("rb", buffering=0) as source:
            yield source
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


async def _bring(
    app: App, shop: Shop, source: io.RawIOBase, file: Path, dry_run: bool, as_of: datetime | None
) -> Import:
    now = app.clock.now()
    size = None
    if str(file) != "-":
        told = file.stat()
        size, as_of = told.st_size, as_of or datetime.fromtimestamp(told.st_mtime, UTC)
    done = Import(store=shop.name, as_of=min(as_of or now, now), dry_run=dry_run)
    importer = Importer(app, shop, file, done)
    orders = OrderFile(source, importer.ref, str(file))
    daemon = daemon_pid(app.db.path) if app.db.path else None
    with _bar() as bar:
        task = bar.add_task(one_line(file.name), total=size, tail="") if bar else None
        batch: list[Entry] = []
        for entry in orders:
            if entry.body is None:
                importer.leave_out(entry.line, entry.fault)
            else:
                batch.append(entry)
            if len(batch) < BATCH:
                continue
            await importer.take(batch, once=orders.whole)
            batch = []
            if bar and task is not None:
                rate = done.read / max(bar.tasks[task].elapsed or 0.0, 0.1)
                position = orders.position if size is not None else None
                bar.update(task, completed=position, tail=f"{done.read} orders, {rate:.0f}/s")
            await asyncio.sleep(BREATH if daemon else 0)
        await importer.take(batch, once=orders.whole)
        if bar and task is not None:
            bar.update(task, completed=size, tail=f"{done.read} orders")
    if done.live + done.history and not dry_run:
        who = (
            f"The daemon (process {daemon}) delivers"
            if daemon
            else "connector run, or connector sync, delivers"
        )
        click.echo(f"{who} what waits.", err=True)
    return done


class Importer:
    """Takes a file's orders into a store, and counts in ``done`` what becomes of them."""

    def __init__(self, app: App, shop: Shop, file: Path, done: Import) -> None:
        self._app = app
        self._shop = shop
        self._file = file
        self._done = done
        self._adapter = pushed_adapter(shop)
        self._ruined = 0

    def ref(self, body: dict[str, Any]) -> str:
        """The order's id; empty for none. A ruined id is nobody's: each such row is refused by itself."""
        try:
            return self._adapter.document(body, self._done.as_of).ref
        except NoId:
            return ""
        except BadOrder:
            self._ruined += 1
            return f"\0{self._ruined}"

    async def take(self, batch: list[Entry], *, once: bool) -> None:
        """One transaction. An order's place in the file is part of its version: a second time is no news.

        ``once`` leaves out an order of which rows came before: these rows would pass for all of it.
        """
        done = self._done
        if once:
            batch = await self._not_yet_seen(batch)
        arrivals = await self._app.db.run(self._take, [entry.body for entry in batch])
        done.read += len(batch)
        for entry, one in zip(batch, arrivals.each, strict=True):
            match one.state:
                case ArrivalState.ACCEPTED:
                    done.live += one.lane == Lane.LIVE
                    done.history += one.lane == Lane.HISTORY
                case ArrivalState.UNCHANGED:
                    done.unchanged += 1
                case ArrivalState.STALE:
                    done.stale += 1
                case ArrivalState.SKIPPED:
                    done.skipped[one.rule] = done.skipped.get(one.rule, 0) + 1
                case ArrivalState.FAILED:
                    done.failed += 1
                    self._tell(Fault(entry.line, one.order, one.reason))
                case ArrivalState.REFUSED:
                    self.leave_out(entry.line, one.reason, counted=True)
                case _:
                    assert_never(one.state)

    def leave_out(self, line: int, reason: str, *, counted: bool = False) -> None:
        """Note an order that cannot be kept, and count it unless it was ``counted``."""
        self._done.left_out += 1
        self._done.read += not counted
        self._tell(Fault(line, "", reason))

    def _take(self, connection: Connection, bodies: list[Any]) -> Arrivals:
        trial = connection.begin_nested()
        arrivals = take_in(connection, self._shop, bodies, "import", self._as_of())
        trial.rollback() if self._done.dry_run else trial.commit()
        return arrivals

    def _as_of(self) -> datetime:
        return self._done.as_of + self._done.read * MOMENT

    async def _not_yet_seen(self, batch: list[Entry]) -> list[Entry]:
        refs = [self.ref(entry.body or {}) for entry in batch]
        rows = await self._app.db.run(acceptance.known, self._shop.name, refs)
        seen = {ref for ref, row in rows.items() if self._done.as_of < row.fetched_at <= self._as_of()}
        fresh: list[Entry] = []
        for ref, entry in zip(refs, batch, strict=True):
            if ref and ref in seen:
                reason = "this order has rows in another place of the file, too; sort the file by order"
                self.leave_out(entry.line, reason)
            else:
                fresh.append(entry)
            seen.add(ref)
        return fresh

    def _tell(self, fault: Fault) -> None:
        if len(self._done.faults) < MOST_FAULTS:
            self._done.faults.append(fault)
        order = f"order {fault.order}: " if fault.order else ""
        click.echo(f"{self._file}:{fault.line}: {order}{fault.reason}", err=True)


def _show(done: Import, file: Path) -> None:
    waits = "would wait" if done.dry_run else "wait"
    click.echo(f"{file}: {done.read} orders, as they were {done.as_of:%Y-%m-%d %H:%M:%S}Z")
    click.echo(
        f"  {done.live + done.history} {waits} to be sent: {done.history} as history (no message "
        f"can be sent), {done.live} as live (they can write to their buyers)"
    )
    click.echo(f"  {done.unchanged} unchanged, {done.stale} older than what is known")
    for rule, count in sorted(done.skipped.items()):
        click.echo(f"  {count} skipped by rule {rule}")
    if done.failed:
        kept = "would be kept as failed" if done.dry_run else "kept as failed; see: connector failed list"
        click.echo(f"  {done.failed} {kept}")
    if done.left_out:
        click.echo(f"  {done.left_out} left out: correct them and import the file again")


def _bar() -> AbstractContextManager[Progress | None]:
    """A progress bar on stderr; none where nobody looks."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[tail]}", markup=False),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(file=styled(sys.stderr)), refresh_per_second=4)
