"""``connector password``: for the status page."""

from __future__ import annotations

import sys

import click

from connector.model.errors import UsageError
from connector.runtime import passwords


@click.command()
def password() -> None:
    """Hash a password for the status page, for page.password_hash in the configuration.

    Asks for it twice; without a terminal it is the first line of stdin. Nothing is stored.
    """
    if sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if len(text) < passwords.SHORTEST:
        raise UsageError(f"a password has at least {passwords.SHORTEST} characters")
    click.echo(passwords.hashed(text))
    if sys.stdout.isatty():
        click.echo("Configure it as page.password_hash, then: connector reload", err=True)
