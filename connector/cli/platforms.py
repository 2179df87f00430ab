"""``connector platforms``: the table that stands in the README, too."""

from __future__ import annotations

import click
import msgspec

from connector.cli.context import as_json_option, print_json
from connector.cli.tables import print_table
from connector.sdk import registry
from connector.sdk.contract import Subscribes
from connector.settings.examples import companions

HEADINGS = ("title", "polled", "webhooks", "history", "order ids", "verified by")


@click.command()
@as_json_option
def platforms(as_json: bool) -> None:
    """The adapters installed, and what each can do."""
    names = registry.platforms()
    if as_json:
        print_json({name: msgspec.to_builtins(registry.adapter(name).traits) for name in names})
        return
    print_table("Platforms", ["platform", *HEADINGS], [[name, *cells(name)] for name in names])


def cells(platform: str) -> list[str]:
    """The row of a platform, as it states itself."""
    of = registry.adapter(platform)
    return [
        of.traits.title,
        ", ".join(of.feeds) or "no",
        _webhooks(platform, of),
        "yes" if of.traits.history else "no",
        of.traits.ids,
        of.traits.verified,
    ]


def _webhooks(platform: str, of: registry.AnyAdapter) -> str:
    if not of.traits.webhooks:
        return "no"
    if issubclass(of, Subscribes):
        return "yes, registered by us"
    return "by our plugin in the shop" if companions(platform) else "yes, set up by hand"
