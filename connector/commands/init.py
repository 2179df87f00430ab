"""``connector init``: a commented starter configuration."""

from __future__ import annotations

from pathlib import Path

import click

from connector.errors import UsageError
from connector.starter import starter


@click.command()
@click.argument("platform", default="woocommerce")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("connector.yaml"),
              show_default=True, help="The file to write; - for stdout.")  # fmt: skip
def init(platform: str, output: Path) -> None:
    """Write a commented starter configuration for PLATFORM (default: woocommerce)."""
    text = starter(platform)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    try:
        with output.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} exists already and is left alone; choose another with --output") from None
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {output}. Fill in what it asks for, then: connector check")
