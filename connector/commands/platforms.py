"""``connector platforms``."""

from __future__ import annotations

import click
import msgspec

from connector import registry
from connector.commands.frame import as_json_option, print_json
from connector.commands.tables import print_table


@click.command()
@as_json_option
def platforms(as_json: bool) -> None:
    """The adapters installed, and what each can do."""
    classes = {name: registry.adapter(name) for name in registry.platforms()}
    traits = {name: one.traits for name, one in classes.items()}
    if as_json:
        print_json({name: msgspec.to_builtins(one) for name, one in traits.items()})
        return
    print_table(
        "Platforms",
        ["platform", "title", "poll", "webhooks", "history", "order ids", "verified"],
        [
            [
                name,
                one.title,
                _yes(bool(classes[name].feeds)),
                _yes(one.webhooks),
                _yes(one.history),
                one.ids,
                one.verified,
            ]
            for name, one in traits.items()
        ],
    )


def _yes(able: bool) -> str:
    return "yes" if able else "no"
