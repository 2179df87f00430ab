"""Tests of a mapping, as a merchant writes them: ``tests/STORE.yaml`` beside the configuration, or a folder.

A file is read like a configuration, so a mistake in it is told with file, line and key, all at once.
References (``${NAME}``) mean nothing here: a test is the same wherever it runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from connector.model.errors import ConfigError, Problem
from connector.model.payload import FIELDS
from connector.model.spelling import suggestion
from connector.model.strict import StrictModel
from connector.settings import files, problems, yaml_tree
from connector.settings.models import WrittenTime
from connector.settings.sources import Sources

FOLDER = "tests"
LARGEST_FILE = 16 * 1024**2
LARGEST_DOCUMENT = 16 * 1024**2


def _field(name: str) -> str:
    if name == "initial_sync":
        raise ValueError("initial_sync is no part of the payload; say lane: live or lane: history")
    if name not in FIELDS:
        raise ValueError(f"{name} is not a field of Privy's order; {suggestion(name, FIELDS)}")
    return name


PayloadField = Annotated[str, AfterValidator(_field)]


class Expected(StrictModel):
    """What is to become of a document. What is not named is not looked at."""

    payload: dict[PayloadField, Any] | None = Field(
        None, description="Fields and what they are to be: of objects the keys named, null for not there."
    )
    lane: Literal["live", "history"] | None = Field(None, description="Whether its buyer may be written to.")
    skip: str | None = Field(None, min_length=1, description="The name of the rule that skips it.")
    fails: str | None = Field(None, min_length=1, description="A part of the reason why it cannot be sent.")
    notes: tuple[str, ...] | None = Field(
        None, description="All that is noted of it, like email-unusable; [] for nothing."
    )

    @model_validator(mode="after")
    def _one_end(self) -> Expected:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        ends: list[str] = [name for name in ("skip", "fails") if name in given]
        if given & {"payload", "lane"}:
            ends.insert(0, "payload or lane")
        if len(ends) > 1:
            raise ValueError(f"{' and '.join(ends)}: an order is either sent, skipped or fails; keep one")
        if not given:
            raise ValueError(
                "nothing is expected, so nothing would be tested; say payload, lane, skip, fails or notes"
            )
        return self


class TestSettings(StrictModel):
    """One test."""

    __test__ = False  # not for pytest

    name: str = Field(min_length=1, max_length=200, description="What the test is called.")
    document: str | dict[str, Any] = Field(
        description="The platform's document: a JSON file, from this file's folder, or the document itself."
    )
    now: WrittenTime | None = Field(None, description="When it is mapped; by default just after it changed.")
    live_from: WrittenTime | None = Field(None, description="In place of the store's live_from.")
    told: bool = Field(False, description="Whether Privy has the order already.")
    gone: bool = Field(False, description="Whether the shop deleted it meanwhile.")
    expect: Expected = Field(description="What is to become of it.")


class _File(StrictModel):
    tests: list[Any] = Field(description="The tests: a list, each with name, document and expect.")


@dataclass(frozen=True)
class MappingTest:
    """One test as it stands in ``file`` at ``line`` (from 1). A document's file is not read yet."""

    settings: TestSettings
    file: Path
    line: int

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"

    def content(self) -> bytes | dict[str, Any]:
        """The document, or the bytes of its file. Raises OSError and files.TooLarge."""
        given = self.settings.document
        if isinstance(given, dict):
            return given
        return files.read(self.file.parent / given, LARGEST_DOCUMENT)


def found(configuration: Path, store: str) -> list[Path]:
    """The files with a store's tests, by name."""
    folder = configuration.parent / FOLDER
    whole = [path for end in ("yaml", "yml") if (path := folder / f"{store}.{end}").is_file()]
    return whole + sorted(path for end in ("yaml", "yml") for path in (folder / store).glob(f"*.{end}"))


def read(paths: list[Path]) -> list[MappingTest]:
    """The tests of these files in their order. Raises ConfigError with every mistake."""
    wrong: list[Problem] = []
    tests = [test for path in paths for test in _read(path, wrong)]
    first: dict[str, MappingTest] = {}
    for test in tests:
        other = first.setdefault(test.settings.name, test)
        if other is not test:
            what = f"{test.settings.name!r} is already the name of the test at {other.where}; take another"
            wrong.append(Problem(test.where, "name", what))
    if wrong:
        raise ConfigError(wrong)
    return tests


def _read(path: Path, wrong: list[Problem]) -> Iterator[MappingTest]:
    sources = Sources(places={(): str(path)}, problems=wrong)
    try:
        text = files.read(path, LARGEST_FILE).decode("utf-8-sig")
    except files.TooLarge:
        sources.problem((), f"is larger than {LARGEST_FILE // 1024**2} MiB; keep documents in JSON files")
        return
    except OSError as error:
        sources.problem((), f"cannot be read ({error.strerror})")
        return
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        sources.problem((), f"line {line} is not UTF-8 text")
        return
    tree = yaml_tree.read(text, str(path))
    wrong += tree.problems
    sources.broken |= tree.broken
    sources.places |= {key: f"{path}:{line}" for key, line in tree.lines.items()}
    if not isinstance(tree.value, dict):
        if not tree.problems:
            sources.problem((), "holds no tests; it begins with tests: and a list of them")
        return
    try:
        whole = _File.model_validate(tree.value)
    except ValidationError as error:
        problems.note(error, _File, (), sources)
        return
    if not whole.tests:
        sources.problem(("tests",), "is empty, so nothing would be tested; write a test, or delete the file")
    for index, value in enumerate(whole.tests):
        key = ("tests", index)
        if not isinstance(value, dict):
            sources.problem(key, "a group of keys is needed here: name, document and expect")
            continue
        try:
            settings = TestSettings.model_validate(_exact(value, key, sources))
        except ValidationError as error:
            problems.note(error, TestSettings, key, sources)
            continue
        yield MappingTest(settings, path, tree.lines[key])


def _exact(value: Any, key: yaml_tree.KeyPath, sources: Sources) -> Any:
    """The value with its fractions as Decimal, as documents have them."""
    if isinstance(value, dict):
        return {name: _exact(item, (*key, name), sources) for name, item in value.items()}
    if isinstance(value, list):
        return [_exact(item, (*key, index), sources) for index, item in enumerate(value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            sources.problem(key, "is a number that no order has")
            return Decimal(0)
        return Decimal(repr(value))
    return value
