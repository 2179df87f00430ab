"""``connector run``: the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import click
import structlog

from connector.cli.context import load
from connector.daemon.app import App
from connector.daemon.daemon import Daemon
from connector.settings import loader
from connector.web.application import OpenFront, open_front

log = structlog.get_logger()


@click.command()
@click.pass_obj
def run(config: Path | None) -> None:
    """The daemon: poll the shops and deliver to Privy until it is told to stop.

    SIGTERM and Ctrl-C finish what is in flight and stop within ten seconds. SIGHUP, or `connector reload`,
    reads the configuration again; a faulty one is refused and the old one stays. The link to the status page
    is printed on stdout: where no password is configured it holds a token, until the next start.
    """
    loaded = load(config, warn=lambda warning: log.warning("configuration.warning", warning=warning))

    async def serve() -> None:
        daemon = Daemon(loaded, lambda: loader.load(loaded.path), _front)
        with daemon.listening_to_signals():
            await daemon.run()

    asyncio.run(serve())


@asynccontextmanager
async def _front(app: App) -> AsyncIterator[OpenFront]:
    async with open_front(app, _tell) as opened:
        yield opened


def _tell(link: str) -> None:
    """On stdout, which is not the log: without a password the link is one."""
    with suppress(OSError):  # it is full or closed; the daemon works all the same
        click.echo(f"Status page: {link}")
