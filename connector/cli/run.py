"""``connector run``: the daemon."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import structlog

from connector.cli.context import load
from connector.daemon.app import App
from connector.daemon.daemon import Daemon
from connector.settings import loader
from connector.web.access import closed
from connector.web.application import OpenFront, open_front

log = structlog.get_logger()


@click.command()
@click.pass_obj
def run(config: Path | None) -> None:
    """The daemon: poll the shops and deliver to Privy until it is told to stop.

    SIGTERM and Ctrl-C finish what is in flight and stop within ten seconds. SIGHUP, or `connector reload`,
    reads the configuration again; a faulty one is refused and the old one stays.
    """
    loaded = load(config, warn=lambda warning: log.warning("configuration.warning", warning=warning))

    async def serve() -> None:
        daemon = Daemon(loaded, lambda: loader.load(loaded.path), _front)
        with daemon.listening_to_signals():
            await daemon.run()

    asyncio.run(serve())


@asynccontextmanager
async def _front(app: App) -> AsyncIterator[OpenFront]:
    async with open_front(app) as opened:
        if sys.stderr.isatty() and not closed(app.settings):
            place = opened.url.replace("0.0.0.0", "localhost").replace("[::]", "localhost")  # noqa: S104 (said, not bound)
            click.echo(f"Status page: {place}/", err=True)
        yield opened
