"""Recordings of the adapter's traffic with this stand-in, and what is done while they are made and replayed.

``python -m tests.shops.shopify.recordings`` makes ``cassettes/shopify/*.yaml`` anew: after a change of the
queries, say. Nothing in them was ever at Shopify; the address is made to look like it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import vcr

from adapters.shopify import Shopify
from connector.model.errors import ConnectorError
from connector.model.order import Document
from connector.runtime.http import Http
from connector.sdk.contract import History, Poll
from tests.shops.shopify.cost import Bucket
from tests.shops.shopify.server import serve
from tests.shops.shopify.shop import Shop

CASSETTES = Path(__file__).parents[3] / "cassettes" / "shopify"
MARK = "# Made against the stand-in of the tests, not at Shopify: see README.md\n"
URL = "https://example-shop.myshopify.com"
STORAGE = "https://storage.example.com"
CREDENTIALS = {"client_id": "client_test", "client_secret": "shpss_test"}
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KINDS = ("card", "code", "included", "draft", "long", "currencies", "pos")


@dataclass
class Seen:
    """What came of a scene."""

    documents: list[Document] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)


Event = Callable[[str], None]  # what happens at the shop meanwhile, by its name; nothing in a replay


async def poll_and_fetch(adapter: Shopify, event: Event) -> Seen:
    """A check, a round of polling, an order afresh, one that is gone, a token that died, an empty bucket."""
    seen = Seen()
    report = await adapter.check()
    seen.answers.append((report.identity, sorted({finding.level for finding in report.findings})))
    cursor, more = None, True
    while more:
        page = await adapter.changed(
            Poll(feed="orders", since=datetime(2026, 11, 1, tzinfo=UTC), cursor=cursor)
        )
        seen.documents += page.documents
        cursor, more = page.cursor, page.more
    event("token dies")
    fetched = await adapter.fetch(seen.documents[0].ref)
    seen.answers.append(fetched == seen.documents[0])
    seen.answers.append(await adapter.fetch("6100000999999"))
    event("bucket is empty")
    seen.answers.append(await _refused(adapter.fetch(seen.documents[0].ref)))
    return seen


async def bulk_history(adapter: Shopify, event: Event) -> Seen:
    """All orders of November, prepared by the shop as a report."""
    seen = Seen()
    until = datetime(2026, 12, 1, tzinfo=UTC)
    cursor, more = None, True
    while more:
        page = await adapter.changed(History(since=SINCE, until=until, cursor=cursor))
        seen.documents += page.documents
        seen.answers.append((len(page.documents), page.wait))
        cursor, more = page.cursor, page.more
    return seen


SCENES = {"poll_and_fetch": poll_and_fetch, "bulk_history": bulk_history}


def adapter(url: str, http: Http) -> Shopify:
    """As a store has it that reads small pages, and any history by a report."""
    return Shopify(
        url=url,
        credentials=Shopify.Credentials.model_validate(CREDENTIALS),
        options=Shopify.Options.model_validate({"page_size": 4, "bulk_above": 0}),
        http=http,
    )


async def replay(name: str) -> Seen:
    """A scene with the recorded answers, in their order."""
    player = vcr.VCR(record_mode=vcr.mode.NONE, match_on=["method", "scheme", "host", "port", "path"])
    async with Http(transport=httpx.AsyncHTTPTransport()) as http:
        with player.use_cassette(str(CASSETTES / f"{name}.yaml")) as cassette:
            seen = await SCENES[name](adapter(URL, http), lambda what: None)
            assert cassette.all_played
    return seen


async def record(name: str) -> None:
    """Plays a scene with the stand-in and keeps it as a cassette."""
    shop = Shop(bucket=Bucket(1_000_000, 100_000))
    shop.clock.set(NOON)
    shop.seed(len(KINDS), step=3600, kinds=KINDS)

    def event(what: str) -> None:
        if what == "token dies":
            shop.expire_tokens()
        else:
            shop.fail("throttled")

    path = CASSETTES / f"{name}.yaml"
    path.unlink(missing_ok=True)
    recorder = vcr.VCR(record_mode=vcr.mode.ALL, decode_compressed_response=True)
    with serve(shop) as url:
        async with Http(transport=httpx.AsyncHTTPTransport()) as http:
            with recorder.use_cassette(str(path)):
                await SCENES[name](adapter(url, http), event)
    path.write_text(
        f"# Made against the stand-in of the tests, not at Shopify: see README.md\n{_tidied(path, url)}"
    )


def _tidied(path: Path, url: str) -> str:
    text = path.read_text().replace(f"{url}/bulk/", f"{STORAGE}/bulk/").replace(url, URL)
    text = text.replace(url.removeprefix("http://"), URL.removeprefix("https://"))
    text = text.replace(CREDENTIALS["client_secret"], "REDACTED")
    return re.sub(r"shpat_[0-9a-f]{32}", "shpat_redacted", text)


async def _refused(work: Awaitable[Any]) -> tuple[str, float | None]:
    try:
        await work
    except ConnectorError as error:
        return type(error).__name__, getattr(error, "retry_after", None)
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    for scene in SCENES:
        asyncio.run(record(scene))
