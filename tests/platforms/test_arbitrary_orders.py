"""Hypothesis against adapters and mapping: whatever JSON an order is, its fate is good or named.

It becomes a payload that Privy takes, is skipped by a named rule, or fails with a reason; it is never a fault
of ours.
"""

from __future__ import annotations

import copy
import os
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.ingest.transform import Bench, Known, judge
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering, Strategy
from connector.mapping.settings import MappingSettings
from connector.model.facts import StoreFacts
from connector.model.order import Document
from connector.runtime import exact_json
from connector.sandbox import rules
from tests.platforms.test_expected_payloads import CASSETTES, READERS, adapter, by_id
from tests.state import lane_rules

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLATFORMS = sorted({*READERS, "medusa", "vendure"})
EXAMPLES = 600 if os.environ.get("SOAK") else 120
NASTY = [
    "", " ", "NaN", "Infinity", "-Infinity", "1e400", "1e-400", "-1", "-0.00", "0x10", "1_000", "٣", "１２",
    "\u202e", "\x00", "a@b", "a@@b.example", "@", "ann@shop.example\r\nBcc: x", "+1", "+12125550187", "00",
    "2026-02-30T00:00:00", "0000-00-00T00:00:00", "9999-12-31T23:59:59", "2026-11-23T12:00:00+99:99",
    "2026-11-23T12:00:00Z", "XXX", "usd", "x" * 5000, "null", "true",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**70])
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Decimal("1E+400"), Decimal("-0.005"), Decimal("99999999999999999999.99")])
    | st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
KEYS = st.sampled_from(["id", "value", "x"])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.booleans(), JSON), min_size=1, max_size=4)


@cache
def documents(platform: str) -> list[Document]:
    """The platform's samples."""
    paths = sorted((CASSETTES / platform / "samples" / "orders").glob("*.json"))
    return [READERS.get(platform, by_id)(exact_json.decode(path.read_bytes())) for path in paths]


@cache
def bench(platform: str) -> Bench:
    numbering = Numbering(store="acme", strategy=Strategy.HASH)
    facts = StoreFacts("acme", platform, "main", NOW, NOW, None, None)
    return Bench(
        adapter=adapter(platform),
        mapper=Mapper(MappingSettings(), numbering),
        facts=facts,
        rules=lane_rules(facts),
    )


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(which=st.integers(0, 1000), changes=CHANGES, told=st.booleans(), gone=st.booleans())
def test_whatever_an_order_says_it_is_sent_as_privy_takes_it_or_named(
    platform: str, which: int, changes: list[tuple[int, bool, Any]], told: bool, gone: bool
) -> None:
    samples = documents(platform)
    document = samples[which % len(samples)]
    body = copy.deepcopy(document.body)
    for place, leave_out, value in changes:
        put(body, place, leave_out, value)
    document = msgspec.structs.replace(document, body=body)
    version = judge(
        bench(platform), document, Known(told=told), feed="test", fetched_at=NOW, now=NOW, gone=gone
    )
    assert not version.reason.startswith("internal fault"), version.reason
    if version.state == "waiting":
        assert version.body is not None
        checked = rules.check(exact_json.decode(version.body))
        assert (checked.problems, checked.ignored) == ([], [])
    else:
        assert version.rule if version.state == "skipped" else version.reason


def put(body: Any, place: int, leave_out: bool, value: Any) -> None:
    """Change one of all the places of a document, however deep, or leave it out."""
    places = list(_places(body))
    if not places:
        return
    container, key = places[place % len(places)]
    if leave_out:
        del container[key]
    else:
        container[key] = value


def _places(value: Any) -> Any:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        yield value, key
        yield from _places(inner)
