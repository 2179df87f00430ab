"""``connector coverage``: what a mapping makes of the orders that are here, and what has no meaning yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from connector.admin import coverage as model
from connector.admin.coverage import Coverage, by_size
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.tables import print_table
from connector.daemon.app import App
from connector.settings.sources import gather

LAST = 1_000


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.option("--last", type=click.IntRange(1, 1_000_000), default=LAST, show_default=True,
              help="The N newest orders.")  # fmt: skip
@as_json_option
@click.pass_obj
def coverage(config: Path | None, store: str, last: int, as_json: bool) -> None:
    """How often each field of Privy is filled for orders of STORE, and what the mapping has no meaning for.

    Sends nothing, writes nothing, and asks no shop: the documents held here are mapped anew.
    """
    path = Path()

    async def work(app: App) -> Coverage:
        nonlocal path
        path = app.path
        return await model.coverage(app.shop(store), last=last)

    found = with_app(config, work, reading=True)
    if as_json:
        print_json(found)
    else:
        _show(found)
        for sentence in found.worst(places(path, store)):
            click.echo(sentence)


def _show(found: Coverage) -> None:
    click.echo(f"Of {found.looked} orders {found.sent} are sent.")
    if found.unheld:
        click.echo(f"The documents of {found.unheld} more are held no longer; nothing is known of these.")
    others = [(f"skipped by {rule}", count) for rule, count in by_size(found.skipped)]
    others += [(f"failed: {reason}", count) for reason, count in by_size(found.failed)]
    if others:
        print_table("", ["not sent", "orders"], [[what, str(count)] for what, count in others])
    if found.sent:
        rows = [[name, str(count), f"{100 * count // found.sent} %"] for name, count in found.fields.items()]
        print_table("", ["field", "orders", "filled"], rows)
        words = [(name, each) for name, counts in found.values.items() for each in by_size(counts)]
        words += [("country", each) for each in by_size(found.countries)]
        print_table("", ["value of", "is", "orders"], [[name, one[0], str(one[1])] for name, one in words])
    if found.expressions:
        rows = [[place, str(count)] for place, count in found.expressions.items()]
        print_table("", ["expression", "finds in orders"], rows)


def places(path: Path, store: str) -> Callable[[str], str]:
    """Gives the ``file:line`` of a store's key in the configuration, or of the nearest above it."""
    sources = gather(path)
    return lambda key: sources.place(("stores", store, *key.split(".")))
