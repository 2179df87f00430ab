"""``connector reload``."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click
from sqlalchemy import make_url

from connector.admin.mapping_change import MappingChange
from connector.cli.check import mapping_changes
from connector.cli.context import load
from connector.daemon.app import App
from connector.model.errors import StateError
from connector.settings.loader import Loaded
from connector.state.daemon_lock import file_holder


@click.command()
@click.pass_obj
def reload(config: Path | None) -> None:
    """Make the running daemon read its configuration again.

    The configuration is tested here first; a faulty one is shown and the daemon is left alone. Where a
    mapping changed, it says how many delivered orders that concerns.
    """
    loaded = load(config)
    database = make_url(loaded.settings.database).database
    found = file_holder(Path(database).absolute()) if database else None
    if found is None:
        raise StateError("no daemon runs on this database; start one with: connector run")
    if found.lets_go:  # a hang-up would end it
        raise StateError(
            f"a backfill alone (process {found.process}) works on this database; it takes up other "
            "credentials by itself, and for anything else stop it with Ctrl-C and start it again: nothing is "
            "lost"
        )
    for one in asyncio.run(_changes(loaded)):
        click.echo(f"store {one.store}: {one.sentence}")
    os.kill(found.process, signal.SIGHUP)
    click.echo(f"Told the daemon (process {found.process}) to read its configuration again.")


async def _changes(loaded: Loaded) -> list[MappingChange]:
    async with App(loaded, reading=True) as app:
        return await mapping_changes(app)
