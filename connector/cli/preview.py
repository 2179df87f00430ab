"""``connector preview``: what would be sent, and where each field comes from."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from connector.admin import document_files
from connector.admin import explain as model
from connector.cli.context import as_json_option, complete_store, print_json, with_app
from connector.cli.tables import print_heading, print_table
from connector.daemon.app import App
from connector.ingest.source import Shop
from connector.model.errors import BadOrder, Hidden, NoId, UsageError
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sdk.contract import History
from connector.state import documents
from connector.state.outbox import queries

UNKNOWN = datetime.fromtimestamp(0, UTC)  # a document from a file has no place among the versions known


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("orders", nargs=-1)
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Documents of the platform as JSON: one, a list, or one a line.")  # fmt: skip
@click.option("--last", type=click.IntRange(1, 1000), help="The shop's N newest orders.")
@as_json_option
@click.pass_obj
def preview(
    config: Path | None,
    store: str,
    orders: tuple[str, ...],
    file: Path | None,
    last: int | None,
    as_json: bool,
) -> None:
    """What would be sent for orders of STORE, and field by field where it comes from. Sends nothing."""
    if sum((bool(orders), file is not None, last is not None)) != 1:
        raise UsageError("name orders, or --file, or --last N: one of them")
    found = with_app(config, lambda app: _previews(app, store, orders, file, last), reading=True)
    if as_json:
        print_json(found)
    else:
        for one in found:
            _show(store, one)
    sys.exit(1 if any(one.verdict.startswith("cannot") for one in found) else 0)


async def _previews(
    app: App, store: str, orders: tuple[str, ...], file: Path | None, last: int | None
) -> list[model.Preview]:
    shop = app.shop(store)
    with shop.named():
        if file is not None:
            found = _from_file(shop, file)
        elif last is not None:
            found = await _newest(app, shop, last)
        else:
            found = [await one_document(app, shop, wanted) for wanted in orders]
    return [await app.db.read(model.preview, shop, document, app.clock.now()) for document in found]


async def one_document(app: App, shop: Shop, wanted: str) -> Document:
    """The order afresh from the shop when it still has it, else as it was last seen."""
    ref = await app.db.read(queries.find, shop.name, wanted) or wanted
    try:
        fresh = None if shop.pushed else await shop.adapter.fetch(ref)
    except Hidden:
        fresh = None
    document = fresh or await app.db.read(model.held, shop.name, ref)
    if document is None:
        raise UsageError(f"store {shop.name}: neither the shop nor this program knows an order {wanted!r}")
    return document


async def _newest(app: App, shop: Shop, count: int) -> list[Document]:
    found: list[Document] = []
    if shop.adapter.traits.history:
        until, cursor, more = app.clock.now(), None, True
        since = until.replace(year=until.year - 20, day=1)
        while more and len(found) < count:
            page = await shop.adapter.changed(History(since=since, until=until, cursor=cursor, few=True))
            found += page.documents
            cursor, more = page.cursor, page.more
    else:
        kept = await app.db.read(documents.newest, shop.name, count)
        found = [Document(ref=one.ref, changed_at=one.changed_at, body=one.unpacked()) for one in kept]
    return found[:count]


def _from_file(shop: Shop, file: Path) -> list[Document]:
    """The documents; the adapter says which order each is."""
    try:
        with file.open("rb") as source:
            content = source.read(document_files.LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > document_files.LARGEST:
        raise UsageError(f"{file} is larger than {document_files.LARGEST // 1024**2} MiB; take a part of it")
    found = document_files.documents(content, str(file), partial(_tells, shop))
    if not found:
        raise UsageError(f"{file} holds no document")
    made: list[Document] = []
    for one in found:
        try:
            if one.body is None:
                raise BadOrder("order", one.fault)
            made.append(shop.adapter.document(one.body, UNKNOWN))
        except BadOrder as error:
            raise UsageError(f"{file}:{one.line}: {error}") from None
    return made


def _tells(shop: Shop, body: dict[str, Any]) -> bool:
    """Whether the body says which order it is."""
    try:
        return bool(shop.adapter.document(body, UNKNOWN))
    except NoId:
        return False
    except BadOrder:
        return True


def _show(store: str, one: model.Preview) -> None:
    print_heading(f"{store} order {one.number or one.ref}: {one.verdict}")
    if one.differs:
        click.echo(f"differs from what is known in: {', '.join(one.differs)}")
    if one.fields:
        rows = [[name, exact_json.encode(value).decode(), origin] for name, value, origin in one.fields]
        rows.append(["initial_sync", str(one.initial_sync).lower(), "placed_at and the store's live_from"])
        print_table("", ["field", "value", "from"], rows)
    for note in one.notes:
        click.echo(f"note: {note.replace('_', ' ')}")
