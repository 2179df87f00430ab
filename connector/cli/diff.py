"""``connector diff``: what a changed mapping would change of known orders, and what that costs."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import click

from connector.admin import mapping_diff
from connector.admin.mapping_diff import Change, Effect, by_size
from connector.admin.mapping_tests import Workbench
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.parameters import Moment
from connector.cli.tables import print_table
from connector.daemon.app import App
from connector.daemon.registration import numbering_of
from connector.ingest.source import Shop
from connector.ingest.transform import Bench
from connector.model.durations import for_people
from connector.model.errors import UsageError
from connector.settings import loader

LAST = 10_000


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.option("--last", type=click.IntRange(1, 1_000_000), help=f"The N newest orders; default {LAST}.")
@click.option("--since", type=Moment(past=True), help="Orders placed from this date on (UTC).")
@click.option("--with", "other", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A changed configuration; default: the one in use, as it stands now.")  # fmt: skip
@as_json_option
@click.pass_obj
def diff(
    config: Path | None,
    store: str,
    last: int | None,
    since: datetime | None,
    other: Path | None,
    as_json: bool,
) -> None:
    """What the mapping of STORE, as it stands now, makes otherwise of orders than what was made of them.

    Sends nothing, writes nothing, and asks no shop: the documents held here are mapped anew.
    """
    if last is not None and since is not None:
        raise UsageError("--last or --since: one of them")
    most = last or (sys.maxsize if since else LAST)

    async def work(app: App) -> Effect:
        shop = app.shop(store)
        bench = shop.bench if other is None else _bench(shop, other)
        limits = app.settings.accounts[shop.account].limits
        return await mapping_diff.effect(shop, bench, limits, last=most, since=since)

    found = with_app(config, work, reading=True)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _bench(shop: Shop, file: Path) -> Bench:
    """The store's mapping and options of another configuration; all else is as it is."""
    settings = loader.load(file, secretless=True).settings
    if shop.name not in settings.stores:
        raise UsageError(f"--with: {file} has no store {shop.name!r}")
    changed = settings.stores[shop.name]
    if changed.platform != shop.facts.platform:
        raise UsageError(
            f"--with: {file} reads store {shop.name} from {changed.platform!r}, its orders came from "
            f"{shop.facts.platform!r}; another platform is another store"
        )
    numbering = numbering_of(settings)[shop.name]
    if shop.facts.numbering is not None and numbering.text != shop.facts.numbering:
        raise UsageError(
            f"--with: {file}: stores.{shop.name}.mapping.order_id: the store's orders went out numbered "
            f"{shop.facts.numbering!r}; with {numbering.text!r} each would be a new one. Set it back"
        )
    made = Workbench(shop.name, changed, numbering)
    return Bench(adapter=made.adapter, mapper=made.mapper, facts=shop.facts, rules=shop.rules)


def _show(found: Effect) -> None:
    click.echo(f"Of {found.looked} orders {found.differing} would be otherwise than they are.")
    if found.unheld:
        click.echo(f"The documents of {found.unheld} more are held no longer; nothing is known of these.")
    _table("moved", found.moved)
    _table("field", found.fields)
    _table("value", found.values)
    if found.totals:
        rows = [
            [currency, str(one.orders), str(one.before), str(one.after), f"{one.after - one.before:+}"]
            for currency, one in sorted(found.totals.items())
        ]
        print_table("", ["totals in", "orders", "before", "after", "difference"], rows)
    if found.unseen:
        click.echo(f"Of {found.unseen} it cannot be said in what: the payload is held no longer.")
    if found.calls:
        takes = for_people(timedelta(seconds=found.takes_seconds))
        click.echo(
            f"Sending them takes {found.calls} calls to Privy and {takes} of the budget, until "
            f"{found.done_at:%Y-%m-%d %H:%M}Z. {found.live} of them could write to buyers."
        )
        click.echo(
            "Delivered orders stay as they are until each changes at the shop; to send them now: "
            f"connector replay {found.store} --changed"
        )


def _table(title: str, changes: dict[str, Change]) -> None:
    if changes:
        rows = [[name, str(one.orders), ", ".join(one.samples)] for name, one in by_size(changes)]
        print_table("", [title, "orders", "such as"], rows)
