"""``connector webhooks``: the shop's webhook subscriptions."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.tables import print_table
from connector.daemon.app import App
from connector.ingest import subscriptions
from connector.ingest.subscriptions import Change
from connector.model.errors import UsageError
from connector.settings.urls import web_address

address_option = click.option("--address", help="Instead of <public_url>/webhooks/STORE.")


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``list``. ``ours`` says whether it leads to this connector."""

    id: str
    topic: str
    address: str
    state: str
    said: str
    ours: bool


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What ``register`` did. ``webhook_secret`` is set only where a new one was made."""

    store: str
    address: str
    changes: list[Change]
    webhook_secret: str | None = None


@click.group()
def webhooks() -> None:
    """The shop's webhook subscriptions: list them, have what is needed, remove ours."""


@webhooks.command("list")
@click.argument("store", shell_complete=complete_store)
@address_option
@as_json_option
@click.pass_obj
def list_(config: Path | None, store: str, address: str | None, as_json: bool) -> None:
    """Everything that the shop has, and what is missing."""
    rows = with_app(config, lambda app: _list(app, store, address))
    if as_json:
        print_json(rows)
        return
    cells = [
        [one.state, one.topic, one.id or "-", one.address + ("" if one.ours else " (not ours)"), one.said]
        for one in rows
    ]
    print_table(f"Webhooks of {store}", ["", "topic", "id", "address", "the shop says"], cells)


@webhooks.command()
@click.argument("store", shell_complete=complete_store)
@address_option
@click.option("--renew", is_flag=True, help="Make all anew with the first webhook_secret: for its rotation.")
@as_json_option
@click.pass_obj
def register(config: Path | None, store: str, address: str | None, renew: bool, as_json: bool) -> None:
    """Create what is missing, make anew what the shop switched off. Those of others are not touched.

    Where the configuration has no webhook_secret for the store, a strong one is made and printed once.
    """
    done = with_app(config, lambda app: _register(app, store, address, renew))
    if as_json:
        print_json(done)
        return
    for change in done.changes:
        click.echo(f"{change.topic}: {change.did}")
    click.echo(f"The shop sends them to {done.address}")
    if done.webhook_secret:
        click.echo(
            "\nPut this line into the configuration, under "
            f"stores.{store}, then: connector reload\n\n    webhook_secret: {done.webhook_secret}\n\n"
            "It is kept nowhere else, and until it is there this store's webhooks are refused as forged."
        )


@webhooks.command()
@click.argument("store", shell_complete=complete_store)
@address_option
@as_json_option
@click.pass_obj
def remove(config: Path | None, store: str, address: str | None, as_json: bool) -> None:
    """End every subscription that leads to this store's address. Polling goes on."""

    async def work(app: App) -> list[Change]:
        shop = app.shop(store)
        with shop.named():
            return await subscriptions.remove(shop, _address(app, store, address))

    changes = with_app(config, work)
    if as_json:
        print_json(changes)
        return
    for change in changes:
        click.echo(f"{change.topic}: {change.did}")
    if not changes:
        click.echo("There was none.")


async def _list(app: App, store: str, address: str | None) -> list[Listed]:
    shop = app.shop(store)
    wanted = address or subscriptions.address_of(store, app.settings)
    with shop.named():
        held = await subscriptions.inspect(shop, wanted)
    rows = [
        Listed(id="", topic=topic, address=wanted, state="missing", said="", ours=True)
        for topic in held.topics
        if not held.of(topic)
    ]
    for ours, found in ((True, held.ours), (False, held.others)):
        rows += [
            Listed(
                id=one.id,
                topic=one.topic,
                address=one.address,
                state="active" if one.active else "off",
                said=one.said,
                ours=ours,
            )
            for one in found
        ]
    return rows


async def _register(app: App, store: str, address: str | None, renew: bool) -> Registered:
    shop = app.shop(store)
    to = _address(app, store, address)
    made: str | None = None
    secret = ""
    if subscriptions.managed(shop).needs_secret:
        configured = app.settings.stores[store].webhook_secret
        if not configured:
            with shop.named():
                held = await subscriptions.inspect(shop, to)
            if held.ours and not renew:
                raise UsageError(
                    f"store {store}: the shop already has webhooks to {to}, but the configuration has no "
                    "webhook_secret for them; put it there, or make them anew with another one: --renew"
                )
            made = subscriptions.new_secret()
        secret = made or configured[0].get_secret_value()
    with shop.named():
        changes = await subscriptions.register(shop, to, secret, renew=renew)
    return Registered(store=store, address=to, changes=changes, webhook_secret=made)


def _address(app: App, store: str, given: str | None) -> str:
    if given is None:
        found = subscriptions.address_of(store, app.settings)
        if not found:
            raise UsageError(
                "where shops reach this connector is not known: set public_url in the configuration, or give "
                f"--address https://HOST/webhooks/{store}"
            )
        return found
    try:
        return web_address(given)
    except ValueError as error:
        raise UsageError(f"--address: {error}") from None
