"""What commands share: the configuration, one App for the time of a command, and printing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from pathlib import Path
from typing import Any, TypeVar

import click

from connector.daemon.app import App
from connector.model.errors import ConnectorError
from connector.runtime import exact_json, log
from connector.settings import loader
from connector.settings.loader import Loaded

T = TypeVar("T")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")


def complete_store(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the tab key: the stores of the configuration, where it can be read from this shell."""
    try:
        stores = loader.load(ctx.find_root().params.get("config")).settings.stores
    except ConnectorError:
        return []
    return [name for name in sorted(stores) if name.startswith(incomplete)]


def _to_people(warning: str) -> None:
    click.echo(f"Warning: {warning}", err=True)


def load(
    config: Path | None, warn: Callable[[str], None] = _to_people, *, secretless: bool = False
) -> Loaded:
    """The configuration, with logging set up so that no secret of it can be printed."""
    loaded = loader.load(config, secretless=secretless)
    log.configure(secrets=loaded.secrets)
    for warning in loaded.warnings:
        warn(warning)
    return loaded


def with_app(
    config: Path | None,
    work: Callable[[App], Awaitable[T]],
    *,
    reading: bool = False,
    starts: Callable[[Loaded], Container[str]] = lambda loaded: (),
) -> T:
    """Run ``work`` on an App that is built for it and closed after it; see App for ``reading``.

    ``starts`` names the stores that go live by it.
    """

    async def inside() -> T:
        loaded = load(config)
        async with App(loaded, reading=reading, starts=starts(loaded)) as app:
            if app.db.elsewhere:
                _to_people(
                    f"database: {app.db.path or app.settings.database} is not where it belongs: "
                    f"{app.db.elsewhere}. From here nothing is sent; see: connector adopt --help"
                )
            return await work(app)

    return asyncio.run(inside())


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(exact_json.encode(value))  # bytes: JSON is UTF-8 whatever the terminal is
