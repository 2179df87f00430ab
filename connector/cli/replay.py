"""``connector replay``: send again, though unchanged."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy import Connection

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.parameters import Moment
from connector.daemon.app import App
from connector.ingest.lookup import look
from connector.ingest.page import remap
from connector.ingest.source import Shop
from connector.model.errors import UsageError
from connector.state.outbox import queries

PAGE = 100  # orders a transaction


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders were ``taken`` again, and those that nobody knows."""

    taken: int
    unknown: list[str]


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("orders", nargs=-1)
@click.option("--since", type=Moment(past=True), help="All known orders placed from this date on (UTC).")
@as_json_option
@click.pass_obj
def replay(
    config: Path | None, store: str, orders: tuple[str, ...], since: datetime | None, as_json: bool
) -> None:
    """Fetch orders afresh and send them again, though unchanged. (Pushed ones: as they were pushed last.)

    The rules about old orders hold here too: what is history goes as history. A running daemon, or
    `connector sync`, sends them.
    """
    if bool(orders) == (since is not None):
        raise UsageError("name orders, or --since DATE")
    done = with_app(config, lambda app: _replay(app, store, orders, since))
    if as_json:
        print_json(done)
    else:
        click.echo(f"Orders taken again: {done.taken}.")
        for ref in done.unknown:
            click.echo(f"store {store}: neither the shop nor this program knows an order {ref!r}", err=True)
    sys.exit(1 if done.unknown else 0)


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
