"""``connector replay``: send again, though unchanged."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click
import msgspec
from sqlalchemy import Connection

from connector.admin.pace import calls_take
from connector.admin.status import usage_of
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.parameters import Moment
from connector.daemon.app import App
from connector.ingest import remapping
from connector.ingest.lookup import look
from connector.ingest.page import remap
from connector.ingest.source import Shop
from connector.model.durations import for_people
from connector.model.errors import UsageError
from connector.state.outbox import queries

PAGE = 100  # orders a transaction


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders were ``taken`` again, and those that nobody knows."""

    taken: int
    unknown: list[str]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What the present mapping makes of a store's delivered orders, as ``remapping.Counted`` says.

    ``takes_seconds`` is how long the ``calls`` take; ``unknown`` are orders that nobody has a document of.
    """

    looked: int
    differing: int
    calls: int
    unheld: int
    takes_seconds: float
    sent: bool
    unknown: list[str]


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("orders", nargs=-1)
@click.option("--since", type=Moment(past=True), help="All known orders placed from this date on (UTC).")
@click.option(
    "--changed", is_flag=True, help="The delivered orders of which the mapping now makes something else."
)
@click.option("--dry-run", is_flag=True, help="With --changed: only count them and what sending them takes.")
@as_json_option
@click.pass_obj
def replay(
    config: Path | None,
    store: str,
    orders: tuple[str, ...],
    since: datetime | None,
    changed: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch orders afresh and send them again, though unchanged. (Pushed ones: as they were pushed last.)

    With --changed only delivered orders that a changed mapping makes otherwise, as they are held; without it
    a changed mapping waits for each order's next change at the shop.

    The rules about old orders hold here too: what is history goes as history. A running daemon, or
    `connector sync`, sends them.
    """
    if (bool(orders), since is not None, changed).count(True) != 1:
        raise UsageError("name orders, or --since DATE, or --changed")
    if dry_run and not changed:
        raise UsageError("--dry-run goes with --changed")
    if changed:
        _show_changed(
            with_app(config, lambda app: _changed(app, store, dry_run), reading=dry_run), store, as_json
        )
        return
    done = with_app(config, lambda app: _replay(app, store, orders, since))
    if as_json:
        print_json(done)
    else:
        click.echo(f"Orders taken again: {done.taken}.")
        _show_unknown(store, done.unknown)
    sys.exit(1 if done.unknown else 0)


def _show_changed(done: Changed, store: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        takes = for_people(timedelta(seconds=done.takes_seconds))
        click.echo(
            f"Of {done.looked} delivered orders the mapping makes something else of {done.differing}: "
            f"{done.calls} calls to Privy, {takes}."
        )
        if done.unheld:
            told = "were fetched afresh" if done.sent else "are fetched afresh when they are sent"
            click.echo(f"The documents of {done.unheld} more are held no longer; they {told}.")
        _show_unknown(store, done.unknown)
    sys.exit(1 if done.unknown else 0)


def _show_unknown(store: str, unknown: list[str]) -> None:
    for ref in unknown:
        click.echo(f"store {store}: neither the shop nor this program knows an order {ref!r}", err=True)


async def _changed(app: App, store: str, dry_run: bool) -> Changed:
    shop = app.shop(store)
    unknown: list[str] = []
    if dry_run:
        counted = await remapping.count(shop)
    else:
        counted, unknown = await remapping.replay_changed(shop)
    use = await app.db.read(usage_of, shop.account, app.clock.steady())
    takes = calls_take(counted.calls, app.settings.accounts[shop.account].limits, use)
    return Changed(
        looked=counted.looked,
        differing=counted.differing,
        calls=counted.calls,
        unheld=counted.unheld,
        takes_seconds=takes.total_seconds(),
        sent=not dry_run,
        unknown=unknown,
    )


async def _replay(app: App, store: str, orders: tuple[str, ...], since: datetime | None) -> Replayed:
    shop = app.shop(store)

    def chosen(connection: Connection) -> list[str]:
        if since is None:
            return [queries.find(connection, store, order) or order for order in orders]
        return queries.placed_since(connection, store, since)

    refs = await app.db.run(chosen)
    if shop.pushed:
        unknown = await _again(app, shop, refs)
    else:
        with shop.named():
            unknown = await look(shop, refs, "replay", force=True)
    return Replayed(taken=len(refs) - len(unknown), unknown=unknown)


async def _again(app: App, shop: Shop, refs: list[str]) -> list[str]:
    """Take orders as they are held; returns those that are not."""
    missing: list[str] = []
    for start in range(0, len(refs), PAGE):
        missing += await app.db.run(
            remap, shop, refs[start : start + PAGE], app.clock.now(), app.clock.steady(), feed="replay"
        )
    return missing
