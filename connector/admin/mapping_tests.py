"""Runs the tests of a mapping: each document goes the way that orders go, and what comes out is compared.

Nothing is read from a shop or a database, so the same tests give the same answer anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree import ElementTree

import msgspec

from connector.admin import document_files
from connector.ingest.transform import Bench, Known, judge
from connector.mapping.mapper import Mapper
from connector.mapping.order_ids import Numbering
from connector.model.errors import BadOrder, ConfigError, NoId, Problem, UsageError
from connector.model.facts import LaneRules, StoreFacts, Version
from connector.model.order import Document
from connector.model.states import OrderState
from connector.runtime import exact_json
from connector.runtime.http import Http
from connector.runtime.terminal import one_line
from connector.sdk import registry, timestamps
from connector.settings import files
from connector.settings.mapping_tests import Expected, MappingTest
from connector.settings.models import StoreSettings

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
ANYTIME = datetime(9999, 1, 1, tzinfo=UTC)
JUST_AFTER = timedelta(seconds=1)
_NOTHING = object()


class Difference(msgspec.Struct, frozen=True):
    """At ``key`` stands ``found`` where ``expected`` was; both as JSON, or in words."""

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}, found {self.found}"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One test's end; ``where`` is its ``file:line``. It passed if nothing differs."""

    store: str
    name: str
    where: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences


class Workbench:
    """One store's mapping, at work on documents without shop and database."""

    def __init__(self, name: str, settings: StoreSettings, numbering: Numbering) -> None:
        self.name = name
        self.settings = settings
        self.adapter = registry.adapter(settings.platform)(
            url=settings.url,
            credentials=settings.credentials,
            options=settings.options,
            http=Http(),  # reaches nobody: a document is only parsed
        )
        self.mapper = Mapper(settings.mapping, numbering)

    def run(self, tests: Sequence[MappingTest]) -> list[Result]:
        """Each test's end. Raises ConfigError with every document that cannot be had."""
        wrong: list[Problem] = []
        documents = [self._document(test, wrong) for test in tests]
        if wrong:
            raise ConfigError(wrong)
        return [
            Result(
                store=self.name,
                name=test.settings.name,
                where=test.where,
                differences=tuple(_differences(test.settings.expect, self.transformed(document, test))),
            )
            for test, document in zip(tests, documents, strict=True)
            if document is not None
        ]

    def transformed(self, document: Document, test: MappingTest) -> Version:
        """What becomes of the document under what the test states."""
        given = test.settings
        live_from = given.live_from or self.settings.live_from or FIRST
        return judge(
            self.bench(live_from),
            document,
            Known(told=given.told),
            feed="test",
            fetched_at=ANYTIME,
            now=given.now or self._just_after(document),
            gone=given.gone,
        )

    def bench(self, live_from: datetime) -> Bench:
        """What judging needs, for a store that went live then."""
        facts = StoreFacts(
            name=self.name,
            platform=self.settings.platform,
            account=self.settings.account,
            first_seen_at=live_from,
            live_from=live_from,
            identity=None,
            numbering=None,
        )
        rules = LaneRules(
            live_from=live_from,
            live_window=self.settings.live_window,
            historical_updates=self.settings.historical_updates,
        )
        return Bench(adapter=self.adapter, mapper=self.mapper, facts=facts, rules=rules)

    def document(self, body: dict[str, Any]) -> Document:
        """The body as a document of the platform. Raises BadOrder when it does not say which order it is."""
        return self.adapter.document(body, FIRST)

    def _just_after(self, document: Document) -> datetime:
        """A moment after all that the document tells of, so that its age decides nothing."""
        try:
            order = self.mapper.dated(self.adapter.parse(document), document.body)
            return max(order.placed_at or order.changed_at, order.changed_at) + JUST_AFTER
        except (BadOrder, ArithmeticError, ValueError):
            return ANYTIME  # it fails anyway, or has a time that only the mapping knows
        except Exception:  # judging meets the same fault, and says it
            return ANYTIME

    def _document(self, test: MappingTest, wrong: list[Problem]) -> Document | None:
        def problem(what: str) -> None:
            named = test.settings.document
            what = f"{test.file.parent / named}: {what}" if isinstance(named, str) else what
            wrong.append(Problem(test.where, "document", f"{what} (test {test.settings.name!r})"))

        try:
            content = test.content()
        except files.TooLarge:
            problem("is too large for one order; keep a test's order alone in its file")
            return None
        except OSError as error:
            problem(f"cannot be read ({error.strerror}); files count from the folder of the tests")
            return None
        try:
            return self.document(content if isinstance(content, dict) else self._only(content))
        except (BadOrder, UsageError) as error:
            problem(str(error))
            return None

    def _only(self, content: bytes) -> dict[str, Any]:
        found = document_files.documents(content, "it", self._tells)
        if len(found) != 1:
            raise UsageError(f"holds {len(found)} documents; a test is of one")
        if found[0].body is None:
            raise UsageError(found[0].fault)
        return found[0].body

    def _tells(self, body: dict[str, Any]) -> bool:
        try:
            return bool(self.document(body))
        except NoId:
            return False
        except BadOrder:
            return True


def junit(results: Sequence[Result]) -> bytes:
    """The results as JUnit's XML, a suite for each store."""
    root = ElementTree.Element("testsuites")
    for store in dict.fromkeys(one.store for one in results):
        its = [one for one in results if one.store == store]
        failed = sum(not one.passed for one in its)
        suite = ElementTree.SubElement(
            root, "testsuite", name=store, tests=str(len(its)), failures=str(failed), errors="0"
        )
        for one in its:
            file, _, line = one.where.rpartition(":")
            case = ElementTree.SubElement(
                suite, "testcase", classname=store, name=one_line(one.name), file=file, line=line
            )
            if not one.passed:
                said = [str(each) for each in one.differences]
                fault = ElementTree.SubElement(case, "failure", message=one_line(said[0]))
                fault.text = "\n".join([one.where, *map(one_line, said)])
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _differences(expected: Expected, version: Version) -> Iterator[Difference]:
    end = "sent"
    if version.state is OrderState.SKIPPED:
        end = f"skipped by rule {version.rule}"
    elif version.state is OrderState.FAILED:
        end = f"cannot be sent: {version.reason}"
    if expected.skip is not None and (version.state, version.rule) != (OrderState.SKIPPED, expected.skip):
        yield Difference("skip", f"skipped by rule {expected.skip}", end)
    if expected.fails is not None and not (
        version.state is OrderState.FAILED and expected.fails in version.reason
    ):
        yield Difference("fails", f"cannot be sent: …{expected.fails}…", end)
    if expected.payload is not None or expected.lane is not None:
        if version.body is None:
            yield Difference("payload" if expected.payload is not None else "lane", "sent", end)
        else:
            body: dict[str, Any] = exact_json.decode(version.body)
            yield from _inside("payload", expected.payload or {}, body)
            if expected.lane not in (None, version.lane):
                yield Difference("lane", str(expected.lane), f"{version.lane}: {version.why}")
    notes = version.notes.split()
    if expected.notes is not None and sorted(_spelled(expected.notes)) != sorted(notes):
        yield Difference("notes", ", ".join(expected.notes) or "none", ", ".join(notes) or "none")


def _spelled(notes: Sequence[str]) -> list[str]:
    return [note.replace(" ", "_") for note in notes]


def _inside(key: str, expected: Any, found: Any) -> Iterator[Difference]:
    """Where they differ; of an object the expected keys count, of a list each item."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            at = name if key == "payload" else f"{key}.{name}"
            yield from _inside(at, value, found.get(name, _NOTHING))
    elif isinstance(expected, list | tuple) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _inside(f"{key}[{index}]", one, other)
    elif not _equal(expected, found):
        yield Difference(key, _shown(expected), _shown(found))


def _equal(expected: Any, found: Any) -> bool:
    if expected is None:
        return found is _NOTHING or found is None
    if found is _NOTHING or isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(found, int | Decimal) and isinstance(expected, int | Decimal | str):
        try:
            return Decimal(expected) == found
        except InvalidOperation:
            return False
    if isinstance(found, str) and isinstance(expected, int | Decimal):
        return str(expected) == found
    return bool(expected == found) or (
        isinstance(expected, str) and isinstance(found, str) and _same_time(expected, found)
    )


def _same_time(one: str, other: str) -> bool:
    if not (one[:4].isdigit() and other[:4].isdigit() and "T" in other):
        return False
    try:
        return timestamps.iso(one, UTC) == timestamps.iso(other, UTC)
    except ValueError:
        return False


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING or value is None else exact_json.encode(value).decode()
