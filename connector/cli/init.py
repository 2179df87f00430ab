"""``connector init``: a commented starter configuration."""

from __future__ import annotations

from pathlib import Path

import click

from connector.model.errors import UsageError
from connector.sdk import registry
from connector.settings.examples import companions, starter


def _platforms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in registry.platforms() if name.startswith(incomplete)]


@click.command()
@click.argument("platform", default="woocommerce", shell_complete=_platforms)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("connector.yaml"),
              show_default=True, help="The file to write; - for stdout.")  # fmt: skip
def init(platform: str, output: Path) -> None:
    """Write a commented starter configuration for PLATFORM (default: woocommerce)."""
    text = starter(platform)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    _write(output, text)
    beside = {output.with_name(name): content for name, content in companions(platform).items()}
    for path, content in beside.items():
        _write(path, content)
    click.echo(f"Wrote {output}. Fill in what it asks for, then: connector check")
    for path in beside:
        click.echo(f"Wrote {path}, for the shop itself: see its head.")


def _write(path: Path, text: str) -> None:
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left alone; choose another with --output") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with file:
            file.write(text)
    except OSError as error:
        path.unlink()  # half of it would pass for a configuration
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
