"""``connector retire``: drop what is held of a store that was taken out of the configuration."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.context import as_json_option, print_json, with_app
from connector.daemon.app import App
from connector.ingest.erasure import known_stores
from connector.model.errors import UsageError
from connector.state import retention
from connector.state.outbox.queries import Unconfigured


def of_unconfigured(one: Unconfigured) -> str:
    """What such a store still holds, and what to do."""
    return (
        f"it is not in the configuration any more; held are {one.waiting} waiting and {one.failed} failed "
        f"orders, which nobody sends, and the documents of {one.documents} orders. Configure it again, or "
        f"drop them: connector retire {one.store}"
    )


@click.command()
@click.argument("store")
@as_json_option
@click.pass_obj
def retire(config: Path | None, store: str, as_json: bool) -> None:
    """Drop orders' documents, payloads and time-lines of STORE, which is in the configuration no longer.

    What waits or failed is skipped from then on, by the rule `retired`. Which orders Privy has, and their
    numbers, stay known: no other store can overwrite them, and one of this name would go on where it was.
    """
    count = with_app(config, lambda app: _retire(app, store))
    if as_json:
        print_json({"store": store, "orders": count})
    else:
        click.echo(f"store {store}: what was held of {count} orders is dropped.")


async def _retire(app: App, store: str) -> int:
    if store in app.settings.stores:
        raise UsageError(
            f"store {store} is in {app.path}; take it out there first, and let a running daemon read that: "
            "connector reload"
        )
    if store not in await known_stores(app.db, ()):
        raise UsageError(f"the database {app.db.path or ''} knows no store {store!r}".replace("  ", " "))
    return await retention.retire(app.db, store)
