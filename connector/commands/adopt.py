"""``connector adopt``: a shop has moved."""

from __future__ import annotations

from pathlib import Path

import click

from connector import identity
from connector.app import App
from connector.commands.frame import with_app


@click.command()
@click.argument("store")
@click.pass_obj
def adopt(config: Path | None, store: str) -> None:
    """Accept that STORE's shop now says another address: a move, not a staging copy.

    Or that STORE is a new store for a shop that was read under another name.
    """

    async def work(app: App) -> str:
        shop = app.shop(store)
        with shop.named():
            return await identity.adopt(shop)

    click.echo(f"store {store} now belongs to the shop at {with_app(config, work)}.")
