"""``connector failed``: the orders that could not be sent, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, select, update

from connector import events, outbox
from connector import explain as model
from connector.app import App
from connector.commands.frame import as_json_option, print_json, with_app
from connector.commands.tables import print_table
from connector.errors import UsageError
from connector.feeds import remap
from connector.outbox import OUTBOX


@click.group()
def failed() -> None:
    """The orders that could not be sent, and why."""


@failed.command("list")
@click.option("--store", help="Only this store.")
@as_json_option
@click.pass_obj
def list_(config: Path | None, store: str | None, as_json: bool) -> None:
    """List failed orders with their reasons."""
    rows = with_app(config, lambda app: app.db.run(_rows, store))
    if as_json:
        print_json(rows)
        return
    columns = ["store", "ref", "number", "changed_at", "reason"]
    print_table("Failed", columns, [[str(row[name]) for name in columns] for row in rows])


@failed.command()
@click.argument("store")
@click.argument("order")
@as_json_option
@click.pass_obj
def show(config: Path | None, store: str, order: str, as_json: bool) -> None:
    """One failed order: its reason and its time-line."""
    found = with_app(config, lambda app: app.db.run(model.explain, app.shop(store).name, order))
    if as_json:
        print_json(found)
        return
    click.echo(f"{store} order {found.number or found.ref}: {found.state}: {found.facts.get('reason', '')}")
    for event in found.events:
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.kind} {event.outcome}: {event.detail}")


@failed.command()
@click.argument("store")
@click.argument("orders", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All failed orders of the store.")
@click.pass_obj
def retry(config: Path | None, store: str, orders: tuple[str, ...], every: bool) -> None:
    """Map failed orders again by today's configuration and send what comes out."""
    left = with_app(config, lambda app: _retry(app, store, orders, every))
    sys.exit(1 if left else 0)


@failed.command()
@click.argument("store")
@click.argument("orders", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All failed orders of the store.")
@click.pass_obj
def discard(config: Path | None, store: str, orders: tuple[str, ...], every: bool) -> None:
    """Set failed orders aside, until they change at the shop. They are counted as skipped: discarded."""
    count = with_app(config, lambda app: _discard(app, store, orders, every))
    click.echo(f"{count} discarded.")


def _rows(connection: Connection, store: str | None) -> list[dict[str, Any]]:
    columns = [OUTBOX.c[name] for name in ("store", "ref", "number", "order_id", "changed_at", "reason")]
    query = select(*columns).where(OUTBOX.c.state == "failed").order_by(OUTBOX.c.store, OUTBOX.c.reason)
    if store is not None:
        query = query.where(OUTBOX.c.store == store)
    return [dict(row) for row in connection.execute(query).mappings()]


def _chosen(connection: Connection, store: str, orders: tuple[str, ...], every: bool) -> list[str]:
    if every == bool(orders):
        raise UsageError("name orders, or --all")
    failed_refs = [row["ref"] for row in _rows(connection, store)]
    if every:
        return failed_refs
    refs = [model.find(connection, store, order) or order for order in orders]
    for order, ref in zip(orders, refs, strict=True):
        if ref not in failed_refs:
            raise UsageError(f"store {store} has no failed order {order!r}; see: connector failed list")
    return refs


async def _retry(app: App, store: str, orders: tuple[str, ...], every: bool) -> int:
    shop = app.shop(store)

    def work(connection: Connection) -> tuple[list[str], list[str]]:
        refs = _chosen(connection, store, orders, every)
        return refs, remap(connection, shop, refs, app.clock.now(), app.clock.steady())

    refs, missing = await app.db.run(work)
    rows = await app.db.run(outbox.known, store, refs)
    again = [ref for ref in refs if rows[ref].state == "waiting"]
    click.echo(
        f"{len(again)} of {len(refs)} wait to be sent; a running daemon, or connector sync, sends them."
    )
    for ref in refs:
        if ref in missing:
            click.echo(
                f"order {ref}: its document is no longer held; use: connector replay {store} {ref}", err=True
            )
        elif rows[ref].state == "failed":
            click.echo(f"order {ref} still fails: {rows[ref].reason}", err=True)
    return len(refs) - len(again)


async def _discard(app: App, store: str, orders: tuple[str, ...], every: bool) -> int:
    shop = app.shop(store)

    def work(connection: Connection) -> int:
        refs = _chosen(connection, shop.name, orders, every)
        values = {"state": "skipped", "rule": outbox.DISCARDED}
        connection.execute(
            update(OUTBOX).where(OUTBOX.c.store == shop.name, OUTBOX.c.ref.in_(refs)).values(values)
        )
        now = app.clock.now()
        events.write(
            connection,
            [
                events.Event(now, shop.name, ref, "note", "discarded", "set aside by an operator")
                for ref in refs
            ],
        )
        return len(refs)

    return await app.db.run(work)
