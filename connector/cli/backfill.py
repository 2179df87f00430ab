"""``connector backfill``: bring history in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.admin import status
from connector.admin.plan import Plan, plan
from connector.cli.context import as_json_option, complete_store, load, print_json, with_app
from connector.cli.parameters import Moment
from connector.cli.tables import print_table
from connector.daemon.app import App
from connector.daemon.daemon import Daemon, heard
from connector.daemon.handover import HANDOVER_SECONDS, LOOK
from connector.ingest.source import Shop, all_readable, must_be_readable
from connector.model.durations import for_people, live_text
from connector.model.errors import AlreadyRunning, ConfigError, UsageError
from connector.model.states import BreakerKind
from connector.runtime.terminal import styled
from connector.settings import loader
from connector.settings.loader import Loaded
from connector.state import backfills, breakers
from connector.state.daemon_lock import Holder, holder

if TYPE_CHECKING:
    from rich.progress import Progress

FOLLOW_SECONDS = (0.5, 10.0)  # between two looks, at least and at most
RENEW_SECONDS = 3.0  # between two looks whether refused credentials were replaced
LOOKING = 0.01  # between these, looking takes this part of the time: it counts every order of the span


@click.command()
@click.option("--since", type=Moment(past=True), help="Orders placed from this date on (UTC).  [required]")
@click.option("--until", type=Moment(), help="Orders placed before this date; default: now.")
@click.option(
    "--store",
    "names",
    multiple=True,
    shell_complete=complete_store,
    help="Only this store; may be repeated. Default: all that can be read.",
)
@click.option("--dry-run", is_flag=True, help="Only the plan: how many orders, how many calls, done when.")
@click.option("--cancel", is_flag=True, help="Stop reading the stores' past; what was read still goes out.")
@as_json_option
@click.pass_obj
def backfill(
    config: Path | None,
    since: datetime | None,
    until: datetime | None,
    names: tuple[str, ...],
    dry_run: bool,
    cancel: bool,
    as_json: bool,
) -> None:
    """Bring history in, within the account's quota; live orders go first all the while.

    Ctrl-C is safe: the same command goes on where it stopped, and so does a daemon. Beside a running daemon
    the work is handed to it, and this command only follows; so it does when a daemon is started meanwhile.
    """
    if cancel:
        stopped = with_app(config, lambda app: _cancel(app, names))
        if as_json:
            print_json({"stopped": stopped})
        else:
            click.echo(f"Backfills stopped: {stopped}. What was read already still goes out.")
        return
    if since is None:
        raise UsageError("say from when on: --since DATE")
    if until is not None and until <= since:
        raise UsageError(f"--until {until:%Y-%m-%d} does not lie after --since {since:%Y-%m-%d}")
    if dry_run:
        plans = with_app(config, lambda app: _plans(app, since, until, names))
        _show_plans(plans, as_json)
        return
    sys.exit(asyncio.run(_bring(config, since, until, names, as_json)))


def _chosen(app: App, names: tuple[str, ...]) -> list[Shop]:
    """The stores named, or all whose shop can be read. Raises UsageError for one that cannot."""
    if not names:
        return all_readable(app.shops.values())
    chosen = [app.shop(name) for name in names]
    for shop in chosen:
        must_be_readable(shop)
    return chosen


async def _plans(app: App, since: datetime, until: datetime | None, names: tuple[str, ...]) -> list[Plan]:
    found = []
    for shop in _chosen(app, names):
        name = shop.name
        with _bar() as bar:
            task = bar.add_task(f"reading {name}", total=None, tail="") if bar else None

            def tell(read: int, total: int | None, bar: Progress | None = bar, task: Any = task) -> None:
                if bar:
                    bar.update(task, completed=read, total=total)

            limits = app.settings.accounts[shop.account].limits
            with shop.named():
                found.append(await plan(shop, limits, since, until or app.clock.now(), tell))
    return found


def _show_plans(plans: list[Plan], as_json: bool) -> None:
    if as_json:
        print_json(plans)
        return
    for one in plans:
        click.echo(
            f"{one.store}: {one.orders} orders placed from {one.since:%Y-%m-%d} to "
            f"{one.until:%Y-%m-%d %H:%M}Z; "
            f"{one.calls} calls to Privy, {for_people(timedelta(seconds=one.takes_seconds))}, "
            f"done {one.done_at:%Y-%m-%d %H:%M}Z"
        )
        click.echo(f"  {live_text(one.live_from)}")
        click.echo(
            f"  {one.history} as history (no message can be sent), {one.live} as live "
            f"(placed since live_from: they can write to their buyers), {one.known} known to Privy already"
        )
        for rule, count in sorted(one.skipped.items()):
            click.echo(f"  {count} skipped by rule {rule}")
        for reason, count in sorted(one.failed.items()):
            click.echo(f"  {count} cannot be sent: {reason}")


async def _cancel(app: App, names: tuple[str, ...]) -> int:
    return sum([await app.db.run(backfills.cancel, shop.name) for shop in _chosen(app, names)])


async def _bring(
    config: Path | None,
    since: datetime,
    until: datetime | None,
    names: tuple[str, ...],
    as_json: bool,
) -> int:
    loaded = load(config)
    stop = asyncio.Event()
    async with App(loaded, starts=names or loaded.settings.stores) as app:
        chosen = [shop.name for shop in _chosen(app, names)]
        now = app.clock.now()
        ours = [(await app.db.run(backfills.start, name, since, until, now)).id for name in chosen]
        with _ending(stop):
            code: int | None = None
            while code is None:
                other = await asyncio.to_thread(holder, app.db.engine, app.db.path)
                if other is not None:
                    return await _follow_other(app, ours, as_json, stop, other)
                code = await _work(app, loaded, ours, as_json, stop)
            return code


@contextmanager
def _ending(stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` on Ctrl-C, and when the terminal goes away, unless the program is to outlive it."""
    hung_up = asyncio.Event()
    signals = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signals[signal.SIGHUP] = hung_up
    terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    async def end() -> None:
        await hung_up.wait()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for one in terminals:  # each further word would be an error
            os.dup2(nowhere, one)
        os.close(nowhere)
        stop.set()

    with heard(signals):
        ending = asyncio.create_task(end())
        try:
            yield
        finally:
            ending.cancel()


async def _follow_other(app: App, ours: list[int], as_json: bool, stop: asyncio.Event, other: Holder) -> int:
    """Show what another process does, until it is done or does it no more."""

    async def gone() -> bool:
        return await asyncio.to_thread(holder, app.db.engine, app.db.path) != other

    click.echo(
        f"The daemon (process {other.process}) does the work; Ctrl-C only stops following it.", err=True
    )
    code = await _follow(app, ours, as_json, stop, gone)
    return 128 + signal.SIGINT if stop.is_set() else code


async def _work(app: App, loaded: Loaded, ours: list[int], as_json: bool, stop: asyncio.Event) -> int | None:
    """Do the daemon's work until the backfills are done, or it is told to stop.

    None when another does the work from now on, or had begun already.
    """
    daemon = Daemon(loaded, lambda: loader.load(loaded.path), lets_go=True)
    running = asyncio.create_task(daemon.run())
    renewing = asyncio.create_task(_renew(app, daemon, loaded))
    followed = asyncio.create_task(_follow(app, ours, as_json, stop))
    interrupted = asyncio.create_task(stop.wait())
    await asyncio.wait({running, followed, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    interrupted.cancel()
    renewing.cancel()
    if running.done():
        followed.cancel()  # what it would show is no answer to what went on
        await asyncio.gather(followed, return_exceptions=True)
        with suppress(AlreadyRunning):
            await running
            await _taken(app)
        return None
    daemon.stop.set()
    await running
    code = await followed
    if stop.is_set():
        click.echo("Interrupted; nothing is lost. The same command, or connector run, goes on.", err=True)
        return 128 + signal.SIGINT
    return code


async def _renew(app: App, daemon: Daemon, loaded: Loaded) -> None:
    """While credentials are refused, take up other ones as soon as they stand in the configuration."""
    known = loaded.settings
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        if any(one.kind is BreakerKind.AUTH for one in await app.db.read(breakers.every)):
            with suppress(ConfigError):  # half written, perhaps
                found = loader.load(loaded.path).settings
                if found != known:
                    known = found
                    daemon.reload.set()


async def _taken(app: App) -> None:
    """Until whoever asked for the database has it; not for ever, because it may have been killed."""
    for _ in range(int(HANDOVER_SECONDS / LOOK)):
        if await asyncio.to_thread(holder, app.db.engine, app.db.path) is not None:
            return
        await asyncio.sleep(LOOK)


async def _follow(
    app: App,
    ours: list[int],
    as_json: bool,
    stop: asyncio.Event,
    gone: Callable[[], Awaitable[bool]] | None = None,
) -> int:
    """Show how the backfills stand until all of them are done; 0 when nothing of them failed.

    Ends with 1 when ``gone`` says that whoever did the work does it no more.
    """
    began: dict[int, int] = {}
    told = {""}
    with _bar() as bar:
        tasks = {number: bar.add_task("", total=None, tail="") for number in ours} if bar else {}
        start = app.clock.steady()
        while True:
            looked_at = app.clock.steady()
            known = await app.db.read(status.of_backfills, app.settings, app.clock)
            mine = [one for one in known if one.id in ours]
            now = await app.db.read(status.collect, app.settings, app.clock)
            if bar is None:
                for said in {_waits(now, one, app.path, lasting=True) for one in mine} - told:
                    told.add(said)  # once, however long it lasts
                    click.echo(said, err=True)
            else:
                for one in mine:
                    began.setdefault(one.id, one.delivered)
                    sent = one.delivered - began[one.id]
                    rate = sent / max(app.clock.steady() - start, 1.0) * 60
                    finished = one.delivered + one.skipped + one.failed
                    bar.update(
                        tasks[one.id],
                        description=one.store,
                        completed=finished,
                        total=max(one.total or 0, one.found, finished + one.waiting),
                        tail=_tail(now, one, rate, app.path),
                    )
            if stop.is_set() or all(one.state in ("done", "cancelled") for one in mine):
                break
            if gone is not None and await gone():
                click.echo(
                    "The daemon has stopped. Nothing is lost: the same command, or connector run, goes on.",
                    err=True,
                )
                return 1
            least, most = FOLLOW_SECONDS
            rest = min(max(least, (app.clock.steady() - looked_at) / LOOKING), most)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), rest)
    if as_json:
        print_json(mine)
    else:
        print_table(
            "Backfills",
            ["store", "since", "state", "found", "delivered", "waiting", "skipped", "failed"],
            [
                [
                    one.store,
                    f"{one.since:%Y-%m-%d}",
                    one.state,
                    *(str(n) for n in (one.found, one.delivered, one.waiting, one.skipped, one.failed)),
                ]
                for one in mine
            ],
        )
    return 1 if any(one.failed for one in mine) else 0


def _waits(now: status.Status, one: status.BackfillStatus, path: Path, *, lasting: bool = False) -> str:
    """What the backfill waits for and what to do about it; empty when it goes on."""
    store = next(store for store in now.stores if store.name == one.store)
    account = next(account for account in now.accounts if account.name == store.account)
    for trouble in [*store.troubles, *account.troubles]:
        if trouble.kind == BreakerKind.LIMIT or (lasting and not trouble.lasting):
            continue
        said = f"{one.store} waits: {trouble.message}"
        if trouble.kind == BreakerKind.AUTH:
            said += f"; correct it there, or in {path}: it goes on by itself, and Ctrl-C keeps what it has"
        return said
    return ""


def _tail(now: status.Status, one: status.BackfillStatus, rate: float, path: Path) -> str:
    account_name = next(store.account for store in now.stores if store.name == one.store)
    account = next(account for account in now.accounts if account.name == account_name)
    if waits := _waits(now, one, path):
        return waits
    left = f"{account.day_left} calls left today"
    if one.done_at is None:
        return left
    return (
        f"{rate:.0f}/min, {left}, done in {for_people(one.done_at - now.at)} ({one.done_at:%Y-%m-%d %H:%M}Z)"
    )


def _bar() -> AbstractContextManager[Progress | None]:
    """A progress bar on stderr; none where nobody looks."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[tail]}", markup=False),
    )
    return Progress(*columns, console=Console(file=styled(sys.stderr)), refresh_per_second=4)
