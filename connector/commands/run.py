"""``connector run``: the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from connector import loader
from connector.commands.frame import load
from connector.daemon import Daemon
from connector.web.application import open_front


@click.command()
@click.pass_obj
def run(config: Path | None) -> None:
    """The daemon: poll the shops and deliver to Privy until it is told to stop.

    SIGTERM and Ctrl-C finish what is in flight and stop within ten seconds. SIGHUP, or `connector reload`,
    reads the configuration again; a faulty one is refused and the old one stays.
    """
    loaded = load(config)

    async def serve() -> None:
        daemon = Daemon(loaded, lambda: loader.load(loaded.path), open_front)
        daemon.listen_to_signals()
        await daemon.run()

    asyncio.run(serve())
