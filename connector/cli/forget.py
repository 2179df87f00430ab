"""``connector forget``: purge a buyer's data held here."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import Connection

from connector.cli.context import as_json_option, print_json, with_app
from connector.daemon.app import App
from connector.ingest import erasure
from connector.model.errors import UsageError


@click.command()
@click.argument("contact", metavar="EMAIL_OR_PHONE")
@as_json_option
@click.pass_obj
def forget(config: Path | None, contact: str, as_json: bool) -> None:
    """Purge the data of the buyer with this e-mail address or phone number from this program's database.

    Write a phone number as the shop has it, or with its country code (+49…). The shop and Privy keep theirs:
    delete it there too, first at the shop, or the next change of an order brings it back.
    """
    if "@" not in contact and sum(character.isdigit() for character in contact) < 6:
        raise UsageError(f"{contact!r} is neither an e-mail address nor a phone number")
    found = with_app(config, lambda app: _forget(app, contact))
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.store}: {len(one.refs)} order{'s' * (len(one.refs) != 1)} purged")


async def _forget(app: App, contact: str) -> list[erasure.Forgotten]:
    def work(connection: Connection) -> list[erasure.Forgotten]:
        return [erasure.forget(connection, shop, contact) for shop in app.shops.values()]

    found = await app.db.run(work)
    await app.db.scrub()
    return found
