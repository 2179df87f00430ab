"""``connector sync``: one round, for cron."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import click

from connector.admin import status
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.status import show
from connector.daemon.app import App
from connector.daemon.supervisor import Supervisor, Unit
from connector.daemon.units import Units
from connector.delivery.dispatcher import deliver
from connector.ingest.remapping import notice
from connector.model.states import BreakerKind, BreakerScope
from connector.state import breakers
from connector.state.daemon_lock import daemon_lock


@click.command()
@click.option(
    "--store",
    "names",
    multiple=True,
    shell_complete=complete_store,
    help="Only this store; may be repeated. Default: all.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=50.0, show_default=True,
    help="How long to go on delivering while orders wait for the quota.",
)  # fmt: skip
@as_json_option
@click.pass_obj
def sync(config: Path | None, names: tuple[str, ...], seconds: float, as_json: bool) -> None:
    """One round of polling and delivering, then exit: for cron.

    What the quota does not allow within --seconds waits for the next round; what `retention` keeps no longer
    is dropped. Exits 1 when a shop or Privy could not be reached, or orders failed.
    """
    now = with_app(
        config,
        lambda app: _round(app, names, seconds),
        starts=lambda loaded: names or loaded.settings.stores,
    )
    print_json(now) if as_json else show(now)
    chosen = [store for store in now.stores if not names or store.name in names]
    faults = [store for store in chosen if store.troubles or store.failed]
    troubles = [trouble for account in now.accounts for trouble in account.troubles] + now.troubles
    sys.exit(1 if faults or troubles else 0)


async def _round(app: App, names: tuple[str, ...], seconds: float) -> status.Status:
    """What the daemon does, once; a fault of one store or account is its own, as it is there."""
    shops = [app.shop(name) for name in names] or list(app.shops.values())
    supervisor = Supervisor(app.db, app.clock)
    units = Units(app, supervisor.stopping)
    with daemon_lock(app.db.engine, app.db.path) as lock:
        app.db.must_be_home()
        app.db.watch(lock.path)
        await app.recover()
        await supervisor.recover()
        for shop in shops:
            await notice(shop)
        await asyncio.gather(
            *(
                supervisor.guarded(Unit(BreakerScope.SHOP, shop.name), partial(units.poll, shop))
                for shop in shops
                if not shop.pushed
            )
        )
        await asyncio.gather(
            *(
                supervisor.guarded(
                    Unit(BreakerScope.DELIVERY, account), partial(_deliver, app, account, seconds)
                )
                for account in {shop.account for shop in shops}
            )
        )
        await supervisor.guarded(Unit(BreakerScope.RETENTION), units.retain)
    return await app.db.run(status.collect, app.settings, app.clock)


async def _deliver(app: App, account: str, seconds: float) -> None:
    sender, stopping = app.senders[account], asyncio.Event()
    end = app.clock.steady() + seconds
    timer = asyncio.get_running_loop().call_later(seconds, stopping.set)
    while not stopping.is_set():
        again = await deliver(sender, stopping)
        pause = await app.db.run(breakers.get, BreakerScope.ACCOUNT, account)
        refused = pause is not None and pause.kind is BreakerKind.AUTH
        if again is None or again >= end or refused:
            break
        await asyncio.sleep(max(0.0, again - app.clock.steady()))
    timer.cancel()
