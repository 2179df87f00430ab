"""``connector schema``: for editors."""

from __future__ import annotations

import json

import click

from connector.settings import schema as model


@click.command()
def schema() -> None:
    """The configuration's JSON Schema, for editors."""
    click.echo(json.dumps(model.schema(), indent=2))
