"""Only ``run``, ``sync`` and ``backfill`` make a store live; what only looks, or takes in, starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.main import connector
from connector.daemon.app import App
from connector.runtime import exact_json
from connector.settings import loader
from connector.state import stores
from tests.state import LIVE_FROM, MINUTE, NOW, State, open_state

CONFIGURATION = """
database: sqlite:///state.db
accounts: {main: {token: privy_test, base_url: "http://127.0.0.1:9"}}
stores:
  one:
    {platform: push, url: "https://one.example", account: main, credentials: {token: TOKEN},
     mapping: {order_id: {strategy: hash}}}
  two:
    {platform: push, url: "https://two.example", account: main, credentials: {token: TOKEN},
     mapping: {order_id: {strategy: hash}}}
""".replace("TOKEN", "0123456789abcdef0123456789abcdef")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "connector.yaml"
    path.write_text(CONFIGURATION)
    return path


def invoke(config: Path, *arguments: str) -> str:
    ended = CliRunner().invoke(connector, ["-c", str(config), *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.output
    return ended.stdout


def live(config: Path) -> dict[str, datetime | None]:
    """Since when each store is live, by ``status``."""
    now = exact_json.decode(invoke(config, "status", "--json").encode())
    said = {one["name"]: one.get("live_from") for one in now["stores"]}
    return {name: datetime.fromisoformat(time) if time else None for name, time in said.items()}


def test_what_looks_or_takes_in_starts_nothing_and_sync_starts_what_it_was_asked_for(config: Path) -> None:
    order = {
        "order_id": 1, "order_date": datetime.now(UTC).isoformat(), "total": 5, "currency": "EUR",
        "email": "ann@mail.example", "financial_status": "paid",
    }  # fmt: skip
    file = config.parent / "order.json"
    file.write_bytes(exact_json.encode(order))
    lines = config.parent / "orders.jsonl"
    lines.write_bytes(exact_json.encode(order) + b"\n")
    assert "not live yet" in invoke(config, "check")
    [shown] = exact_json.decode(invoke(config, "preview", "one", "--file", str(file), "--json").encode())
    assert shown["initial_sync"] is True
    assert "before the store went live (it did not yet)" in shown["verdict"]
    invoke(config, "import", "one", str(lines))
    invoke(config, "explain", "one", "1")
    invoke(config, "failed", "list")
    invoke(config, "replay", "one", "1")
    assert "not yet" in invoke(config, "status")
    assert live(config) == {"one": None, "two": None}

    before = datetime.now(UTC)
    invoke(config, "sync", "--store", "one", "--seconds", "1")
    found = live(config)
    assert found["one"] is not None
    assert before <= found["one"] <= datetime.now(UTC)
    assert found["two"] is None
    assert "live from 2" in invoke(config, "check")
    invoke(config, "sync", "--seconds", "1")
    assert (live(config)["one"], live(config)["two"] is None) == (found["one"], False)


async def test_an_app_that_starts_nothing_leaves_every_order_history(config: Path) -> None:
    loaded = loader.load(config)
    async with App(loaded) as app:
        assert {shop.rules.live_from for shop in app.shops.values()} == {None}
    async with App(loaded, starts=["two"]) as app:
        assert [shop.rules.live_from is None for shop in app.shops.values()] == [True, False]
        assert app.senders["main"].rules["two"].live_from == app.shop("two").facts.live_from


def register(state: State, *, starts: bool, live_from: datetime | None = None) -> datetime | None:
    return state.do(
        stores.register, name="new", platform="push", account="main", base_url="https://api.privy.com",
        live_from=live_from, starts=starts, now=state.clock.now(),
    ).live_from  # fmt: skip


def test_a_store_goes_live_once_and_keeps_the_moment(database_url: str) -> None:
    with open_state(database_url) as state:
        assert register(state, starts=False) is None
        assert register(state, starts=False, live_from=LIVE_FROM) == LIVE_FROM  # told, and not remembered
        assert register(state, starts=False) is None
        state.clock.forward(60)
        assert register(state, starts=True) == NOW + MINUTE
        facts = state.do(stores.facts, "new")
        assert facts is not None
        assert facts.first_seen_at == NOW + MINUTE
        state.clock.forward(60)
        assert register(state, starts=True) == register(state, starts=False) == NOW + MINUTE
        assert register(state, starts=False, live_from=LIVE_FROM) == LIVE_FROM  # the operator's word
        assert register(state, starts=True) == LIVE_FROM
