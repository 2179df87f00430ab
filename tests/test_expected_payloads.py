"""Every sample order of a real WooCommerce against what the references say of it.

``cassettes/woocommerce/expected/NAME.json`` was worked out from the references without the program. It holds
the outcome of ``samples/orders/NAME.json`` with a mapping in which nothing is set: ``payload`` with the
``notes`` on what was left out, or ``skip`` with the rule. ``told`` is the outcome of a skipped order that
Privy already has; a draft was never sent, so nothing is said of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.woocommerce.configuration import Options
from adapters.woocommerce.documents import document
from adapters.woocommerce.parsing import parse
from connector import exact_json
from connector.mapping import Mapper, Skipped
from connector.mapping_settings import MappingSettings
from connector.order_ids import Numbering, Strategy
from connector.sandbox import rules

CASSETTES = Path(__file__).parents[1] / "cassettes" / "woocommerce"
SAMPLES = CASSETTES / "samples"
EXPECTED = CASSETTES / "expected"
NAMES = sorted(path.stem for path in EXPECTED.glob("*.json"))
LISTS = sorted((SAMPLES / "lists").glob("*.body.json"))
MAPPER = Mapper(MappingSettings(), Numbering(store="acme", strategy=Strategy.NATIVE))


def decoded(path: Path) -> Any:
    """The file's JSON, fractions as Decimal."""
    return exact_json.decode(path.read_bytes())


def outcome(body: dict[str, Any], *, told: bool = False) -> dict[str, Any]:
    """What the program makes of a document, in the words of an expectation."""
    mapped = MAPPER.map(parse(document(body), Options()), body, told=told)
    if isinstance(mapped, Skipped):
        return {"skip": mapped.rule}
    payload = exact_json.decode(exact_json.encode(mapped.payload))
    notes = [str(note) for note in mapped.notes]
    return {"payload": payload, "notes": notes} if notes else {"payload": payload}


def full_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a recorded list that are whole orders; some lists were asked for a few fields only."""
    return [row for row in decoded(path) if "line_items" in row]


def test_each_sample_has_an_expectation_and_each_expectation_a_sample() -> None:
    samples = {path.stem for path in (SAMPLES / "orders").glob("*.json")}
    assert samples == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_order_seen_first_becomes_what_is_expected(name: str) -> None:
    expected = decoded(EXPECTED / f"{name}.json")
    expected.pop("told", None)
    assert outcome(decoded(SAMPLES / "orders" / f"{name}.json")) == expected


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("checkout_draft")])
def test_an_order_that_privy_has_is_sent_whatever_became_of_it(name: str) -> None:
    expected = decoded(EXPECTED / f"{name}.json")
    expected = expected.get("told", expected)
    assert outcome(decoded(SAMPLES / "orders" / f"{name}.json"), told=True) == expected


@pytest.mark.parametrize("name", NAMES)
def test_privys_rules_accept_each_expected_payload_whole(name: str) -> None:
    expected = decoded(EXPECTED / f"{name}.json")
    payloads = [each["payload"] for each in (expected, expected.get("told", {})) if "payload" in each]
    for payload in payloads:
        checked = rules.check(payload)
        assert (checked.problems, checked.ignored) == ([], [])


def test_every_whole_order_in_the_recorded_lists_can_be_mapped() -> None:
    rows = [row for path in LISTS for row in full_rows(path)]
    assert len(rows) == 131
    for row in rows:
        for told in (False, True):
            made = outcome(row, told=told)
            assert "skip" in made or not rules.check(made["payload"]).problems
