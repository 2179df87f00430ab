"""Live proofs replayed without their shops: what the adapters make of recorded answers is what the shops say.

``cassettes/<platform>/live.yaml`` holds the answers of a real shop, ``live.json`` what was worked out of its
raw API by ``tests/live``, which knows nothing of the adapter. ``make live ARGS="--record"`` makes them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

from connector.mapping.mapper import Mapped, Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.order import Document
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.sdk import registry
from tests.live.comparison import differences
from tests.live.recording import CASSETTES, NAME, Facts, Readings, built, cassette, read

ROOT = Path(__file__).parents[2]
PLATFORMS = sorted(path.parent.name for path in CASSETTES.glob("*/live.yaml"))


@cache
def facts(platform: str) -> Facts:
    """What belongs to the recording."""
    return msgspec.json.decode((CASSETTES / platform / "live.json").read_bytes(), type=Facts)


async def replayed(platform: str) -> tuple[Any, Readings]:
    """An adapter, and what it reads from the recording."""
    example = yaml.safe_load((ROOT / "config" / "stores" / f"{platform}.example.yaml").read_text())
    (store,) = example["stores"].values()
    store = {"credentials": store["credentials"], "options": facts(platform).options}
    async with Http(transport=httpx.AsyncHTTPTransport()) as http:
        with cassette(CASSETTES / platform / "live.yaml") as player:
            url = NAME + facts(platform).path
            adapter = built(platform, store, url, http)
            readings = await read(adapter, built(platform, store, url, http), facts(platform))
            assert player.all_played
    return adapter, readings


def payload(adapter: Any, platform: str, document: Document) -> dict[str, Any]:
    """What would be sent of it, to a Privy that has the order."""
    numbered = Strategy.HASH if registry.adapter(platform).traits.ids == "text" else Strategy.NATIVE
    mapping = MappingSettings.model_validate(facts(platform).mapping)
    mapper = Mapper(mapping, Numbering(store="live", strategy=numbered))
    mapped = mapper.map(adapter.parse(document), document.body, told=True)
    assert isinstance(mapped, Mapped)
    body: dict[str, Any] = exact_json.decode(exact_json.encode(mapped.payload))
    return body


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_is_read_of_a_recorded_shop_is_what_the_shop_says(platform: str) -> None:
    adapter, readings = await replayed(platform)
    truths = facts(platform).truths
    lists = {**readings.polls, "history": readings.history, "fetched": readings.fetched}
    assert all(lists.values())
    assert len(readings.fetched) == len(facts(platform).refs)
    for name, documents in lists.items():
        for document in documents:
            found = differences(truths[document.ref], payload(adapter, platform, document))
            assert not found, (name, document.ref, found)
    assert {each.ref for each in readings.together} <= {each.ref for each in readings.fetched}
    assert readings.gone is None
    assert readings.identity
    assert readings.refused
