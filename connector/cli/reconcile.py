"""``connector reconcile``: read the shop again, and show that the sum is right."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.parameters import Moment
from connector.daemon.app import App
from connector.ingest import reconcile as model
from connector.ingest.source import all_readable, must_be_readable


@click.command()
@click.argument("store", required=False, shell_complete=complete_store)
@click.option(
    "--since",
    type=Moment(past=True),
    help="Orders placed from this date on (UTC); default: the last 14 days.",
)
@as_json_option
@click.pass_obj
def reconcile(config: Path | None, store: str | None, since: datetime | None, as_json: bool) -> None:
    """Read STORE (default: every store whose shop can be read) again, bring in what was missed, show the sum.

    Every order that the shop shows must be delivered, waiting, skipped by a named rule or failed; exits 1
    when the sum is not right. A running daemon, or `connector sync`, delivers what was brought in.
    """
    sums = with_app(config, lambda app: _sums(app, store, since))
    if as_json:
        print_json([{**_fields(one), "adds_up": one.adds_up} for one in sums])
    else:
        for one in sums:
            _show(one)
    sys.exit(0 if all(one.adds_up for one in sums) else 1)


async def _sums(app: App, store: str | None, since: datetime | None) -> list[model.Sum]:
    shops = [app.shop(store)] if store else all_readable(app.shops.values())
    if store:
        must_be_readable(shops[0])
    sums = []
    for shop in shops:
        until = app.clock.now()
        span = app.settings.stores[shop.name].reconcile.span
        with shop.named():
            sums.append(await model.reconcile(shop, since or until - span, until + timedelta(minutes=1)))
    return sums


def _fields(one: model.Sum) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _show(one: model.Sum) -> None:
    skipped = "".join(f" + {count} skipped by {rule}" for rule, count in sorted(one.skipped.items()))
    sign = "=" if one.adds_up else "is not"
    click.echo(
        f"{one.store}, orders placed since {one.since:%Y-%m-%d}: {one.listed} at the shop {sign} "
        f"{one.delivered} delivered + {one.waiting} waiting{skipped} + {one.failed} failed"
    )
    click.echo(
        f"  {one.brought_in} brought in now, {one.gone} no longer listed by the shop were looked at again"
    )
    if one.differing:
        click.echo(
            f"  {one.differing} are otherwise at the shop than what is known, with an older change time: "
            "change them at the shop in any small way, so that it gives them a newer one",
            err=True,
        )
    for gap in one.unread:
        click.echo(f"  {gap}", err=True)
    if one.missing:
        click.echo(f"  {one.missing} are in no state: please report this", err=True)
