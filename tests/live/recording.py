"""A shop's answers to its adapter, and what the shop itself says: ``cassettes/<platform>/live.*``.

``read`` is the same for the shop and for its recording, so ``make test`` replays a live proof without a shop:
``tests/platforms/test_recordings.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import vcr
from pydantic import BaseModel
from vcr.request import Request

from connector.model.errors import AuthError
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk import registry
from connector.sdk.contract import Adapter, History, Poll
from tests.live.shop import LiveShop, Truth

CASSETTES = Path(__file__).parents[2] / "cassettes"
NAME = "http://shop.example.com"
_SESSIONS = ("set-cookie", "vendure-auth-token")


class Facts(msgspec.Struct):
    """What belongs to a recording: the store's choices, what was asked for, what the shop says of its orders.

    ``refs`` are the orders fetched one by one. Times are aware UTC.
    """

    title: str
    path: str
    options: dict[str, Any]
    mapping: dict[str, Any]
    recorded_at: datetime
    changed_since: datetime
    placed_since: datetime
    refs: list[str]
    truths: dict[str, Truth]


class Readings(msgspec.Struct):
    """What the adapter read."""

    identity: str
    polls: dict[str, list[Document]]
    history: list[Document]
    fetched: list[Document]
    together: Sequence[Document]
    gone: Document | None
    refused: bool


def cassette(path: Path, mode: vcr.mode = vcr.mode.NONE) -> Any:
    """The recording, under another name than the shop's, and without credentials."""

    def renamed(request: Request) -> Request:
        request.uri = NAME + "/" + request.uri.partition("://")[2].partition("/")[2]
        return request

    def without_sessions(response: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in response["headers"].items() if name.lower() not in _SESSIONS}
        return {**response, "headers": kept}

    return vcr.VCR(
        record_mode=mode,
        match_on=["method", "path", "query", "body"],
        filter_headers=["authorization", "cookie", "vendure-api-key"],
        before_record_request=renamed,
        before_record_response=without_sessions,
        decode_compressed_response=True,
    ).use_cassette(str(path))


async def read(adapter: Adapter[Any, Any], stranger: Adapter[Any, Any], facts: Facts) -> Readings:
    """Everything that an adapter does with a shop; ``stranger`` has a key that the shop does not know."""
    polls: dict[str, list[Document]] = {}
    for feed in adapter.feeds:
        polls[feed], cursor, more = [], None, True
        while more:
            page = await adapter.changed(Poll(feed=feed, since=facts.changed_since, cursor=cursor))
            polls[feed] += page.documents
            cursor, more = page.cursor, page.more
    history: list[Document] = []
    cursor, more = None, True
    while more:
        page = await adapter.changed(
            History(since=facts.placed_since, until=facts.recorded_at, cursor=cursor)
        )
        history += page.documents
        cursor, more = page.cursor, page.more
    fetched = [await adapter.fetch(ref) for ref in facts.refs]
    try:
        await stranger.check()
        refused = False
    except AuthError:
        refused = True
    return Readings(
        identity=(await adapter.check()).identity,
        polls=polls,
        history=history,
        fetched=[document for document in fetched if document is not None],
        together=await adapter.fetch_many(facts.refs),
        gone=await adapter.fetch(_unknown(facts.refs[0])),
        refused=refused,
    )


def built(platform: str, store: Mapping[str, Any], url: str, http: Http) -> Adapter[Any, Any]:
    """The adapter of a store's part of a configuration, with the secrets in their places."""
    of = registry.adapter(platform)
    credentials: BaseModel = of.Credentials.model_validate(store["credentials"])
    options: BaseModel = of.Options.model_validate(store.get("options", {}))
    return of(url=url, credentials=credentials, options=options, http=http)


async def record(shop: LiveShop, facts: Facts) -> None:
    """Read the shop once more and keep what it answers."""
    folder = CASSETTES / shop.platform
    path = folder / "live.yaml"
    path.unlink(missing_ok=True)
    store = {**shop.store, "credentials": _filled(shop.store["credentials"], shop.variables)}
    wrong = {**store, "credentials": dict.fromkeys(store["credentials"], "of-nobody")}
    async with Http(transport=httpx.AsyncHTTPTransport()) as http:
        with cassette(path, vcr.mode.ONCE):
            await read(
                built(shop.platform, store, shop.url + shop.path, http),
                built(shop.platform, wrong, shop.url + shop.path, http),
                facts,
            )
    (folder / "live.json").write_bytes(msgspec.json.format(exact_json.encode(facts), indent=1) + b"\n")


def _filled(credentials: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    return {name: variables.get(text.strip("${}"), text) for name, text in credentials.items()}


def _unknown(ref: str) -> str:
    """A ref of the same form that no order has."""
    return "987654321" if ref.isdecimal() else ref[:-4] + "ZZZZ"
