"""``connector adopt``: a shop has moved, or the database has."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.daemon.app import App
from connector.ingest import identity
from connector.model.errors import UsageError
from connector.state.database import Database


@click.command()
@click.argument("store", required=False, shell_complete=complete_store)
@click.option("--database", is_flag=True, help="Accept that the database was moved to where it is now.")
@as_json_option
@click.pass_obj
def adopt(config: Path | None, store: str | None, database: bool, as_json: bool) -> None:
    """Accept that STORE's shop now says another address: a move, not a staging copy.

    Or that STORE is a new store for a shop that was read under another name. Or, with --database, that the
    database belongs where it is now: until then a copy of it, or one that was carried to another machine,
    sends nothing, because what waits in it would leave twice. Do it only where the other is used no more.
    """
    if database == (store is not None):
        raise UsageError("name a store, or --database")
    if store is None:
        _adopt_database(config, as_json)
        return

    async def work(app: App) -> str:
        shop = app.shop(store)
        with shop.named():
            return await identity.adopt(shop)

    address = with_app(config, work)
    if as_json:
        print_json({"store": store, "shop": address})
    else:
        click.echo(f"store {store} now belongs to the shop at {address}.")


def _adopt_database(config: Path | None, as_json: bool) -> None:
    async def work(app: App) -> tuple[Database, str]:
        before = app.db.elsewhere
        await app.db.adopt()
        return app.db, before

    db, before = with_app(config, work)
    where = str(db.path) if db.path else "its server"
    if as_json:
        print_json({"database": where, "adopted": bool(before)})
    elif before:
        click.echo(f"the database now belongs to {where}: what waits in it is sent from here, and only here.")
    else:
        click.echo(f"the database belongs to {where} already.")
