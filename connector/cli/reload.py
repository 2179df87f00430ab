"""``connector reload``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click
from sqlalchemy import make_url

from connector.cli.context import load
from connector.model.errors import StateError
from connector.state.daemon_lock import daemon_pid


@click.command()
@click.pass_obj
def reload(config: Path | None) -> None:
    """Make the running daemon read its configuration again.

    The configuration is tested here first; a faulty one is shown and the daemon is left alone.
    """
    database = make_url(load(config).settings.database).database
    pid = daemon_pid(Path(database).absolute()) if database else None
    if pid is None:
        raise StateError("no daemon runs on this database; start one with: connector run")
    os.kill(pid, signal.SIGHUP)
    click.echo(f"Told the daemon (process {pid}) to read its configuration again.")
