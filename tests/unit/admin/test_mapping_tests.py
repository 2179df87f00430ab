"""Tests of a mapping in YAML: what is expected, what is told when it is not so, and mistakes in the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from connector.admin.mapping_tests import Result, Workbench, junit
from connector.cli.test import test as command
from connector.daemon.registration import numbering_of
from connector.model.errors import ConfigError, UsageError
from connector.settings import loader, mapping_tests

CONFIGURATION = """\
accounts:
  main: {token: "${PRIVY_TOKEN}"}
page: {password_hash: "${PAGE_HASH}"}
stores:
  acme:
    platform: push
    url: https://acme.example
    account: main
    webhook_secret: "${file:/run/secrets/nowhere}"
    live_from: 2026-06-01T00:00:00Z
    mapping:
      financial_status: {bezahlt: paid}
      skip: {wholesale: "channel == 'b2b'"}
"""
ORDER: dict[str, Any] = {
    "order_id": 1001,
    "order_date": "2026-11-01T10:00:00Z",
    "total": "25.50",
    "currency": "EUR",
    "email": "ada@example.com",
    "financial_status": "bezahlt",
    "line_items": [{"sku": "A", "quantity": 2, "price": "12.75"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "connector.yaml").write_text(CONFIGURATION)
    (tmp_path / "tests" / "acme").mkdir(parents=True)
    (tmp_path / "tests" / "acme" / "1001.json").write_text(json.dumps(ORDER))
    return tmp_path


def results(folder: Path, *tests: str) -> list[Result]:
    path = folder / "tests" / "acme.yaml"
    path.write_text("tests:\n" + "".join(f"  - {test}\n" for test in tests))
    settings = loader.load(folder / "connector.yaml", secretless=True).settings
    bench = Workbench("acme", settings.stores["acme"], numbering_of(settings)["acme"])
    return bench.run(mapping_tests.read(mapping_tests.found(folder / "connector.yaml", "acme")))


def of(folder: Path, expect: str, more: str = "") -> list[str]:
    test = f"{{name: a, document: acme/1001.json, {more} expect: {{{expect}}}}}"
    (one,) = results(folder, test)
    return [str(each) for each in one.differences]


@pytest.mark.parametrize(
    ("expect", "more"),
    [
        ("payload: {total: 25.50, currency: EUR, financial_status: paid}", ""),
        ('payload: {total: "25.5"}, lane: live, notes: []', ""),
        ("payload: {phone: null, line_items: [{sku: A, quantity: 2}]}", ""),
        ("payload: {order_date: 2026-11-01T11:00:00+01:00}", ""),
        ("lane: history", "live_from: 2026-11-02T00:00:00Z,"),
        ("lane: history", "now: 2026-11-20T00:00:00Z,"),
        ("fails: order_date", "now: 2026-10-01T00:00:00Z,"),
        ("payload: {financial_status: voided, fulfillment_status: restocked}", "told: true, gone: true,"),
        ("skip: not-placed", "gone: true,"),
    ],
)
def test_what_is_as_expected_passes(folder: Path, expect: str, more: str) -> None:
    assert of(folder, expect, more) == []


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("payload: {total: 25.51}", "total: expected 25.51, found 25.50"),
        ("payload: {email: null}", 'email: expected nothing, found "ada@example.com"'),
        ("payload: {phone: '+1'}", 'phone: expected "+1", found nothing'),
        ("payload: {line_items: [{sku: B}]}", 'line_items[0].sku: expected "B", found "A"'),
        ("payload: {accepts_email_marketing: true}", "accepts_email_marketing: expected true, found nothing"),
        ("lane: history", "lane: expected history, found live: placed 2026-11-01 10:00Z"),
        ("skip: wholesale", "skip: expected skipped by rule wholesale, found sent"),
        ("fails: currency", "fails: expected cannot be sent: …currency…, found sent"),
        ("notes: [email-unusable]", "notes: expected email-unusable, found none"),
    ],
)
def test_what_is_otherwise_is_shown_beside_what_was_expected(folder: Path, expect: str, said: str) -> None:
    (one,) = of(folder, expect)
    assert one.startswith(said)


def test_an_order_that_is_skipped_has_no_payload(folder: Path) -> None:
    (folder / "tests" / "acme" / "1001.json").write_text(json.dumps({**ORDER, "channel": "b2b"}))
    assert of(folder, "skip: wholesale") == []
    (said,) = of(folder, "payload: {total: 25.5}")
    assert said == "payload: expected sent, found skipped by rule wholesale"


def test_the_document_can_stand_in_the_test(folder: Path) -> None:
    document = json.dumps({**ORDER, "total": 0.1})
    (one,) = results(folder, f"{{name: a, document: {document}, expect: {{payload: {{total: 0.10}}}}}}")
    assert one.passed


@pytest.mark.parametrize(
    ("test", "where", "said"),
    [
        ("{name: a, document: acme/1001.json}", ":2: tests[0].expect: ", "is missing"),
        ("{name: a, document: x.json, expect: {skip: b}}", ":2: document: ", "x.json: cannot be read"),
        (
            "{name: a, document: {}, expect: {payload: {totl: 1}}}",
            ":2: tests[0].expect.payload.totl: ",
            'did you mean "total"?',
        ),
        ("{name: a, document: {}, expect: {}}", ":2: tests[0].expect: ", "nothing would be tested"),
        (
            "{name: a, document: {}, expect: {skip: a, fails: b}}",
            ":2: tests[0].expect: ",
            "either sent, skipped or fails",
        ),
        (
            "{name: a, document: {}, expct: {skip: a}, expect: {skip: a}}",
            ":2: tests[0].expct: ",
            'did you mean "expect"?',
        ),
        ("{name: a, document: {}, expect: {skip: a}}", ":2: document: ", "id"),
        ("{name: a, document: {order_id: 1}, now: 5, expect: {skip: a}}", ":2: tests[0].now: ", "2026-06-01"),
        ("just text", ":2: tests[0]: ", "name, document and expect"),
        ("{name: a, document: {id: .inf}, expect: {skip: a}}", ":2: tests[0].document.id: ", "no order has"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(folder: Path, test: str, where: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        results(folder, test)
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{folder}/tests/acme.yaml{where}")
    assert said in first


@pytest.mark.parametrize("text", ["", "- a", "tests: []", "tests: 5", "tests: [", "\tx", "other: 1"])
def test_a_file_without_tests_is_a_mistake(folder: Path, text: str) -> None:
    path = folder / "tests" / "acme.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"acme\.yaml"):
        mapping_tests.read([path])


def test_two_tests_of_one_name_are_a_mistake(folder: Path) -> None:
    test = "{name: a, document: acme/1001.json, expect: {lane: live}}"
    with pytest.raises(ConfigError, match=r"acme\.yaml:3: name: 'a' is already the name of the test at"):
        results(folder, test, test)


def test_the_command_needs_no_secret_and_says_what_failed(folder: Path) -> None:
    (folder / "tests" / "acme.yaml").write_text(
        "tests:\n"
        "  - {name: good, document: acme/1001.json, expect: {lane: live}}\n"
        "  - {name: bad & <sad>, document: acme/1001.json, expect: {payload: {total: 1}}}\n"
    )
    xml = folder / "results.xml"
    ran = CliRunner().invoke(command, ["acme", "--junit", str(xml)], obj=folder / "connector.yaml")
    assert ran.exit_code == 1
    assert f"{folder}/tests/acme.yaml:3: store acme: bad & <sad>\n  total\n  - 1\n  + 25.50\n" in ran.output
    assert "1 of 2 tests passed" in ran.output
    (suite,) = ElementTree.parse(xml).getroot()  # noqa: S314  # our own
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("acme", "2", "1")
    good, bad = suite
    assert len(good) == 0
    assert bad.get("line") == "3"
    assert bad[0].get("message") == "total: expected 1, found 25.50"


def test_no_tests_at_all_is_wrong_usage(folder: Path) -> None:
    ran = CliRunner().invoke(command, [], obj=folder / "connector.yaml")
    assert isinstance(ran.exception, UsageError)
    assert f"{folder}/tests/STORE.yaml" in str(ran.exception)
    ran = CliRunner().invoke(command, ["acne"], obj=folder / "connector.yaml")
    assert 'did you mean "acme"?' in str(ran.exception)


def test_text_of_an_order_is_no_markup_of_the_report(folder: Path) -> None:
    (folder / "tests" / "acme" / "1001.json").write_text(json.dumps({**ORDER, "customer_id": "<b>\u0007&"}))
    (one,) = results(folder, "{name: a, document: acme/1001.json, expect: {payload: {customer_id: x}}}")
    assert ElementTree.fromstring(junit([one]))  # noqa: S314  # our own
