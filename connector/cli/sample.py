"""``connector sample``: an order's document made anonymous, to test a mapping with."""

from __future__ import annotations

from pathlib import Path

import click

from connector.admin import samples
from connector.admin.samples import Sample
from connector.cli.context import complete_store, with_app
from connector.cli.preview import one_document
from connector.daemon.app import App
from connector.model.errors import UsageError
from connector.runtime import exact_json


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("order")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write it to a new file instead of standard output.")  # fmt: skip
@click.pass_obj
def sample(config: Path | None, store: str, order: str, output: Path | None) -> None:
    """The document of ORDER with people, addresses and secrets replaced by others of the same shape.

    The shop is asked for it; what is held here is taken where the shop has it no longer, or pushes its
    orders. Read it before you give it away: free texts are replaced, ids of orders and goods are not.
    """
    made = with_app(config, lambda app: _sample(app, store, order), reading=True)
    text = exact_json.indented(made.body)
    if output is None:
        click.echo(text)
    else:
        try:
            with output.open("xb") as file:
                file.write(text + b"\n")
        except FileExistsError:
            raise UsageError(f"--output: {output} exists; name a new file, or delete it first") from None
        except OSError as error:
            raise UsageError(f"--output: {output} cannot be written: {error.strerror}") from None
    for each in made.otherwise:
        click.echo(f"Warning: store {store}, order {order}: {each}", err=True)


async def _sample(app: App, store: str, order: str) -> Sample:
    shop = app.shop(store)
    with shop.named():
        document = await one_document(app, shop, order)
    return samples.sample(shop.bench, document, app.clock.now())
