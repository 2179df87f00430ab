"""``connector forget``: purge a buyer's data held here, and keep it away."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.daemon.app import App
from connector.ingest import contacts, erasure
from connector.ingest.erasure import Forgotten
from connector.model.errors import UsageError
from connector.state.outbox import queries

LIFTED = "forgotten no more: judged again when the shop next shows them (connector reconcile, replay)"


@click.command()
@click.argument("contact", required=False, metavar="EMAIL_OR_PHONE")
@click.option("--lift", is_flag=True, help="Take it back: their orders may come in and go out again.")
@click.option("--order", "orders", multiple=True, help="With --lift and --store: orders that the shop named.")
@click.option("--store", shell_complete=complete_store, help="With --lift and --order: their store.")
@as_json_option
@click.pass_obj
def forget(
    config: Path | None,
    contact: str | None,
    lift: bool,
    orders: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> None:
    """Purge the data of the buyer with this e-mail address or phone number from this program's database.

    In all stores that the database knows. The orders stay forgotten, whatever becomes of them at the shop,
    and so do new ones of the same buyer where the store says `forgotten_buyers: skip`; a keyed hash of the
    contact is all that is held. --lift takes that back: Privy's data of these orders is then brought up to
    date again, and young ones may write to their buyer.

    Write a phone number as the shop has it, or with its country code (+49…). The shop and Privy keep theirs:
    delete it there too.
    """
    if (contact is None) == (not orders) or bool(orders) != (store is not None) or (orders and not lift):
        raise UsageError("name an e-mail address or a phone number, or --lift --store STORE --order ORDER")
    if contact is not None and not contacts.asked(contact):
        raise UsageError(f"{contact!r} is neither an e-mail address nor a phone number")
    found = with_app(config, lambda app: _work(app, contact, lift, store, orders))
    if as_json:
        print_json(found)
        return
    for one in found:
        what = LIFTED if lift else "purged"
        click.echo(f"{one.store}: {len(one.refs)} order{'s' * (len(one.refs) != 1)} {what}")
    if lift:
        click.echo("What Privy does not know of them yet is sent: a young order can write to its buyer.")


async def _work(
    app: App, contact: str | None, lift: bool, store: str | None, orders: tuple[str, ...]
) -> list[Forgotten]:
    now = app.clock.now()
    if contact is None:
        assert store is not None
        refs = []
        for order in orders:
            known = await app.db.read(queries.find, store, order)
            refs.append(known or order)
        return [await erasure.lift_orders(app.db, store, refs, now)]
    if lift:
        return await erasure.lift(app.db, app.shops, contact, now)
    found = await erasure.forget(app.db, app.shops, contact, now, "by an operator")
    await app.db.scrub()
    return found
