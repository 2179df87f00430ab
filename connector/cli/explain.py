"""``connector explain``: one order's time-line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from connector.admin import explain as model
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.tables import print_heading


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("order")
@as_json_option
@click.pass_obj
def explain(config: Path | None, store: str, order: str, as_json: bool) -> None:
    """One order's time-line: when it was seen and how, what was decided and why, each attempt and answer.

    ORDER is the platform's id, the merchant's order number or the order_id at Privy.
    """
    found = with_app(
        config, lambda app: app.db.read(model.explain, app.shop(store), order, app.clock.now()), reading=True
    )
    if as_json:
        print_json(found)
        return
    print_heading(f"{store} order {found.number or found.ref}: {found.state}")
    click.echo(f"id at the shop {found.ref}, order_id at Privy {found.order_id or 'none'}")
    for name, value in found.facts.items():
        click.echo(f"  {name.replace('_', ' ')}: {_text(value)}")
    for event in found.events:
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.kind} {event.outcome}: {event.detail}")


def _text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}Z"
        case _:
            return str(value)
