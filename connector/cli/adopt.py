"""``connector adopt``: a shop has moved."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.daemon.app import App
from connector.ingest import identity


@click.command()
@click.argument("store", shell_complete=complete_store)
@as_json_option
@click.pass_obj
def adopt(config: Path | None, store: str, as_json: bool) -> None:
    """Accept that STORE's shop now says another address: a move, not a staging copy.

    Or that STORE is a new store for a shop that was read under another name.
    """

    async def work(app: App) -> str:
        shop = app.shop(store)
        with shop.named():
            return await identity.adopt(shop)

    address = with_app(config, work)
    if as_json:
        print_json({"store": store, "shop": address})
    else:
        click.echo(f"store {store} now belongs to the shop at {address}.")
