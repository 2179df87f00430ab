"""``connector failed``: the orders that could not be sent, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from sqlalchemy import Connection

from connector.admin import explain as model
from connector.admin import failures
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.tables import print_table
from connector.daemon.app import App
from connector.model.errors import UsageError
from connector.state.outbox import failed_orders, queries

BY = "the command line"


@click.group()
def failed() -> None:
    """The orders that could not be sent, and why."""


@failed.command("list")
@click.option("--store", shell_complete=complete_store, help="Only this store.")
@as_json_option
@click.pass_obj
def list_(config: Path | None, store: str | None, as_json: bool) -> None:
    """List failed orders with their reasons."""
    rows = with_app(config, lambda app: _listed(app, store), reading=True)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("No order has failed.")
    else:
        print_table(
            "Failed",
            ["store", "order", "number", "changed", "reason"],
            [
                [one.store, one.ref, one.number, f"{one.changed_at:%Y-%m-%d %H:%M:%S}Z", one.reason]
                for one in rows
            ],
        )


@failed.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("order")
@as_json_option
@click.pass_obj
def show(config: Path | None, store: str, order: str, as_json: bool) -> None:
    """One failed order: its reason and its time-line."""
    found = with_app(
        config, lambda app: app.db.read(model.explain, app.shop(store), order, app.clock.now()), reading=True
    )
    if as_json:
        print_json(found)
        return
    click.echo(f"{store} order {found.number or found.ref}: {found.state}: {found.facts.get('reason', '')}")
    for event in found.events:
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.kind} {event.outcome}: {event.detail}")


@failed.command(short_help="Map failed orders again, and send them.")
@click.argument("store", shell_complete=complete_store)
@click.argument("orders", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All failed orders of the store.")
@as_json_option
@click.pass_obj
def retry(config: Path | None, store: str, orders: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Map failed orders again by today's configuration and send what comes out."""
    done = with_app(config, lambda app: _retry(app, store, orders, every))
    if as_json:
        print_json(done)
    else:
        _show_retried(store, done)
    sys.exit(1 if done.asked > done.waiting else 0)


@failed.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("orders", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All failed orders of the store.")
@as_json_option
@click.pass_obj
def discard(config: Path | None, store: str, orders: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Set failed orders aside, until they change at the shop. They are counted as skipped: discarded."""
    count = with_app(config, lambda app: _discard(app, store, orders, every))
    if as_json:
        print_json({"discarded": count})
    else:
        click.echo(f"{count} discarded.")


def _chosen(connection: Connection, store: str, orders: tuple[str, ...], every: bool) -> list[str]:
    if every == bool(orders):
        raise UsageError("name orders, or --all")
    refs = [one.ref for one in failed_orders.listed(connection, store)]
    if every:
        return refs
    named = [queries.find(connection, store, order) or order for order in orders]
    for order, ref in zip(orders, named, strict=True):
        if ref not in refs:
            raise UsageError(f"store {store} has no failed order {order!r}; see: connector failed list")
    return named


async def _listed(app: App, store: str | None) -> list[failed_orders.Failure]:
    return await app.db.read(failed_orders.listed, app.shop(store).name if store else None)


async def _retry(app: App, store: str, orders: tuple[str, ...], every: bool) -> failures.Retried:
    shop = app.shop(store)
    return await failures.retry(shop, await app.db.read(_chosen, store, orders, every), BY)


def _show_retried(store: str, done: failures.Retried) -> None:
    click.echo(
        f"{done.waiting} of {done.asked} wait to be sent; a running daemon, or connector sync, sends them."
    )
    for ref in done.missing:
        click.echo(
            f"order {ref}: its document is no longer held; use: connector replay {store} {ref}", err=True
        )
    for ref, reason in done.still:
        click.echo(f"order {ref} still fails: {reason}", err=True)


async def _discard(app: App, store: str, orders: tuple[str, ...], every: bool) -> int:
    shop = app.shop(store)
    return await failures.discard(shop, await app.db.read(_chosen, store, orders, every), BY)
