"""``/metrics`` of a real daemon, and the rules and dashboard that stand on it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from connector.admin.metrics import Everything, Gauges
from connector.runtime import exact_json
from connector.runtime.clock import Clock
from connector.settings import loader
from connector.state import stores
from connector.state.database import Database
from tests.fire.hatchery import Hatchery
from tests.privy import RunningSandbox, running_sandbox
from tests.program import Program, until, until_answered
from tests.state import open_state, version

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "config" / "monitoring"
TOKEN = "a-token-of-the-house-0123456789"
STORE = "house"
SCRAPER = {"Authorization": "Bearer a-token-for-the-scraper"}


class Scraped:
    """One answer of ``/metrics``."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        self.samples = [sample for family in families for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """The sample with these labels; others may be empty."""
        for sample in self.samples:
            given = {key: value for key, value in sample.labels.items() if value}
            if sample.name == name and given == labels:
                return sample.value
        return None


@pytest.fixture
async def privy() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox(per_minute=None, per_day=None, token="privy_test") as sandbox:
        yield sandbox


@pytest.fixture
def program(tmp_path: Path, privy: RunningSandbox, nest: Hatchery) -> Program:
    program = Program(
        tmp_path, shop="http://127.0.0.1:1", privy=privy.base_url, token="privy_test", hatchery=nest
    )
    program.configuration["page"] = {"metrics_token": SCRAPER["Authorization"].removeprefix("Bearer ")}
    program.configuration["stores"] = {
        STORE: {
            "platform": "push",
            "url": "https://house.example",
            "credentials": {"token": TOKEN},
            "account": "main",
            "mapping": {"skip": {"free-orders": "total == `0`"}},
        }
    }
    program.write()
    return program


def order(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "order_id": number,
        "order_date": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
        "total": 5,
        "currency": "EUR",
        "email": "ann.secret@mail.example",
        "phone": "+44 20 7946 0123",
        "financial_status": "a-word-of-the-shop",
        **fields,
    }


async def scrape(http: httpx.AsyncClient) -> Scraped:
    answer = await http.get("/metrics", headers=SCRAPER)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Scraped(answer.text)


async def test_what_came_in_and_went_out_is_counted_without_anything_of_a_buyer(
    program: Program, privy: RunningSandbox
) -> None:
    async with program.daemon() as running:
        listen = running.events("daemon.started")[0]["listen"]
        async with httpx.AsyncClient(base_url=listen, timeout=30) as http:
            own = {"Authorization": f"Bearer {TOKEN}"}
            orders = [
                order(1),
                order(2, total=0),
                order(3, total="x"),
                order(4, order_date="2024-01-01T00:00:00Z"),
            ]
            await http.post(f"/orders/{STORE}", json=orders, headers=own)
            await http.post(f"/orders/{STORE}", json=orders[0], headers=own)
            await http.post(f"/orders/{STORE}", json=orders[0], headers={"Authorization": "Bearer wrong"})
            await http.post(f"/orders/{STORE}", content=b"{", headers=own)
            await until(lambda: {1, 4} <= privy.ledger.orders.keys())

            async def delivered() -> bool:
                now = await scrape(http)
                return now.value("connector_orders", store=STORE, state="delivered") == 2

            await until_answered(delivered)
            got = await scrape(http)
            headers = {"Accept": "application/openmetrics-text", **SCRAPER}
            open_metrics = await http.get("/metrics", headers=headers)
    seen = "connector_orders_seen_total"
    assert got.value(seen, store=STORE, outcome="waiting", lane="live") == 1
    assert got.value(seen, store=STORE, outcome="waiting", lane="history") == 1
    assert got.value(seen, store=STORE, outcome="skipped", rule="free-orders") == 1
    assert got.value(seen, store=STORE, outcome="failed") == 1
    assert got.value(seen, store=STORE, outcome="unchanged", lane="live") == 1
    sent = "connector_deliveries_total"
    assert got.value(sent, store=STORE, lane="live", outcome="delivered") == 1
    assert got.value(sent, store=STORE, lane="history", outcome="delivered") == 1
    assert got.value("connector_orders", store=STORE, state="failed") == 1
    assert got.value("connector_orders", store=STORE, state="skipped", rule="free-orders") == 1
    assert got.value("connector_backlog_orders", store=STORE, lane="live") == 0
    assert got.value("connector_quota_used_requests", account="main", window="day") == 2
    assert got.value("connector_quota_limit_requests", account="main", window="minute") == 60_000
    assert got.value("connector_privy_request_duration_seconds_count", account="main") == 2
    assert got.value("connector_pushes_total", store=STORE, outcome="faulty") == 1
    assert got.value("connector_pushes_total", store=STORE, outcome="accepted") == 1
    assert got.value("connector_pushes_total", store=STORE, outcome="forged") == 1
    assert got.value("connector_pushes_total", store=STORE, outcome="not_an_order") == 1
    assert got.value("connector_messages_prevented_total", store=STORE) == 0
    newest = got.value("connector_newest_order_timestamp_seconds", store=STORE)
    assert newest is not None
    assert abs(newest - datetime.now(UTC).timestamp()) < 120
    told = got.value("connector_newest_delivered_order_timestamp_seconds", store=STORE)
    assert told == pytest.approx(newest, abs=1)
    for planted in ("ann.secret", "7946", "a-word-of-the-shop", TOKEN, "privy_test"):
        assert planted not in got.text
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


def read(database: Database, settings: Any, clock: Clock) -> Scraped:
    families = database.work(Gauges().read, settings, clock)
    return Scraped(generate_latest(Everything(families)).decode())


def test_backlog_age_pauses_and_prevented_messages_are_read_from_the_database(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "connector.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "accounts": {"main": {"token": "privy_0123456789"}},
                "stores": {
                    name: {
                        "platform": "push",
                        "url": f"https://{name}.example",
                        "account": "main",
                        "mapping": {"order_id": {"strategy": "hash"}},
                    }
                    for name in ("acme", "zeta")
                },
            }
        )
    )
    settings = loader.load(path).settings
    with open_state(database_url) as state:
        state.accept(version("1"), version("2"))
        state.clock.forward(90)
        state.accept(version("3", fetched_at=state.clock.now()))
        (claim,) = state.claim(1)
        state.settle(claim, "prevented", detail="held back", delay=60)
        got = read(state.db, settings, state.clock)
        assert got.value("connector_backlog_orders", store="acme", lane="live") == 3
        assert got.value("connector_backlog_oldest_age_seconds", store="acme", lane="live") == 90
        assert got.value("connector_backlog_oldest_age_seconds", store="zeta", lane="live") == 0
        assert got.value("connector_messages_prevented_total", store="acme") == 1
        assert got.value("connector_messages_prevented_total", store="zeta") == 0
        assert got.value("connector_alarm", store="acme", kind="no-news") == 0
        facts = state.do(stores.facts, "acme")
        assert facts is not None
        assert facts.prevented == 1


def test_metrics_cost_the_command_line_nothing() -> None:
    """``--help`` does not load them, nor what they need."""
    code = (
        "import sys, connector.cli.main; "
        "connector.cli.main.connector.main(['--help'], standalone_mode=False); "
        "print([name for name in sys.modules if 'prometheus' in name], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


# The rules and the dashboard


def expressions() -> dict[str, str]:
    """Every query of the shipped rules and of the dashboard, by where it stands."""
    found = {}
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            found[f"alert {rule['alert']}"] = rule["expr"]
    board = exact_json.decode((MONITORING / "dashboard.json").read_bytes())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = variable["query"]["query"]
    return found


async def test_every_metric_that_rules_and_dashboard_use_exists(program: Program) -> None:
    async with program.daemon() as running:
        listen = running.events("daemon.started")[0]["listen"]
        async with httpx.AsyncClient(base_url=listen, timeout=30) as http:
            got = await scrape(http)
    typed = set(re.findall(r"^# TYPE (\S+)", got.text, re.MULTILINE))
    known = typed | {f"{name}_{part}" for name in typed for part in ("bucket", "sum", "count")}
    used = set()
    for where, expression in expressions().items():
        names = set(re.findall(r"\b(?:connector|process)_[a-z_]+", expression))
        assert names or "up{" in expression, where
        assert names <= known, f"{where}: {names - known}"
        used |= names
    assert len(used) > 12


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    groups = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
