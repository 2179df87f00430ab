"""Orders in a file, one at a time with the line of each: JSON Lines, JSON or CSV, plain or packed with gzip.

JSON Lines: a document a line. JSON: a list of documents, or one, over as many lines as there are. CSV: a
header names the columns; commas, semicolons, tabs or bars part them, or what Excel's line ``sep=`` says. A
column without a name counts for nothing, a row without a value neither.
``billing.city`` is a key inside another, ``lines[0].sku`` one of a list's first element.
``lines[].sku`` gives each row an element of its own: rows that follow each other with one id (or with none)
are one order then, and the first of them counts for everything else. An empty cell says nothing.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from connector.admin.document_files import LARGEST, inside, whole
from connector.admin.foreign_files import opened
from connector.model.errors import UsageError
from connector.runtime import foreign_json
from connector.runtime.exact_json import NotJSON

_TRIED = 200  # lines of which one must be a document, before a file counts as JSON Lines
LONGEST_LINE = 4 * 1024 * 1024
MOST_ROWS = 5000  # of one order
DELIMITERS = ",;\t|"

_QUOTED = re.compile(r'"[^"]*"')
_SEP = re.compile(rb'"?sep=(?P<sign>[,;|\t])"?[,;|\t]*\s*', re.IGNORECASE)
_STEP = re.compile(r"(?P<key>[^.\[\]]+)(?P<list>\[(?P<index>\d{0,4})\])?")

Step = str | int | None  # a key, a list's index, or in each row the next element
Path = tuple[Step, ...]


class Entry(msgspec.Struct, frozen=True):
    """One order and the line on which it begins; without a ``body`` the fault that keeps it out."""

    line: int
    body: dict[str, Any] | None
    fault: str = ""


class OrderFile:
    """A file's orders, to be iterated once. ``whole`` says that an order's rows must stand together.

    ``source`` is not buffered; ``name`` is for messages; ``key`` gives the id of a document, empty for none.
    Raises UsageError when the file cannot be read, or not further.
    """

    def __init__(
        self, source: io.RawIOBase, key: Callable[[dict[str, Any]], str], name: str = "the file"
    ) -> None:
        self._name = name
        self._key = key
        self._last = 0
        self._source, self._stream = self._guarded(lambda: opened(source, name))
        self._columns: list[Path] = []
        self._rows: Iterator[list[str]] = iter(())
        self._is_json = self._guarded(lambda: self._stream.peek(64)).lstrip()[:1] in (b"{", b"[")
        if not self._is_json:
            self._guarded(self._read_header)
        self.whole = any(None in path for path in self._columns)

    @property
    def position(self) -> int:
        """How many bytes of the file were read; compressed ones where it is."""
        at: int = self._source.tell()
        return at

    def __iter__(self) -> Iterator[Entry]:
        entries = self._json() if self._is_json else self._orders()
        while (entry := self._guarded(lambda: next(entries, None))) is not None:
            yield entry

    def _guarded(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (EOFError, OSError, zlib.error) as error:
            raise UsageError(
                f"{self._name} cannot be read beyond line {self._last} ({error}); what stands before is taken"
            ) from None

    def _json(self) -> Iterator[Entry]:
        """A document a line, unless the first line is none: then the file is read as one value."""
        first = self._stream.readline(LONGEST_LINE)
        while first and not first.strip():
            self._last += 1
            first = self._stream.readline(LONGEST_LINE)
        if not _is_object(first):
            yield from self._one_value(first)
        else:
            yield from self._documents(first)

    def _one_value(self, first: bytes) -> Iterator[Entry]:
        before = self._last
        content = first + self._stream.read(LARGEST + 1 - len(first))
        if len(content) > LARGEST:
            raise UsageError(
                f"{self._name} is one JSON value of more than {LARGEST // 1024**2} MiB; make it JSON Lines, "
                "an order on each line, as with: jq -c '.[]'"
            )
        try:
            found = whole(content, self._known)
        except NotJSON as error:
            if not any(map(_is_object, content.split(b"\n", _TRIED)[:_TRIED])):
                raise UsageError(
                    f"{self._name} {error}; a file of JSON has one list of orders, or an order on each line "
                    "(as with: jq -c)"
                ) from None
            yield from self._documents(first, io.BytesIO(content[len(first) :]))
            return
        for one in found:
            self._last = before + one.line
            yield Entry(before + one.line, one.body, one.fault)

    def _documents(self, line: bytes, rest: io.BytesIO | None = None) -> Iterator[Entry]:
        """``line`` was read already; more come from the file, or from ``rest`` of it."""
        stream = rest or self._stream
        number = self._last
        while line:
            number += 1
            self._last = number - 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE)
                yield Entry(number, None, f"is longer than {LONGEST_LINE:,} bytes")
            elif line.strip():
                yield from self._on(number, line.strip())
            line = stream.readline(LONGEST_LINE)

    def _on(self, number: int, line: bytes) -> Iterator[Entry]:
        """What is on a line: one document, or a shop's answer around several."""
        try:
            bodies = inside(foreign_json.decode(line), self._known)
        except NotJSON as error:
            yield Entry(number, None, f"{error}; a file of JSON Lines has one order on each line")
            return
        for body in bodies:
            if isinstance(body, dict):
                yield Entry(number, body)
            else:
                what = "is no JSON object; a file of JSON Lines has one order on each line"
                yield Entry(number, None, what)

    def _known(self, body: dict[str, Any]) -> bool:
        return bool(self._key(body))

    def _read_header(self) -> None:
        skipped = 0
        line = self._stream.readline(LONGEST_LINE)
        sign = _SEP.fullmatch(line)
        if sign:  # Excel's own line, which says how the columns are parted
            skipped, line = 1, self._stream.readline(LONGEST_LINE)
        while line and not line.strip(b" ,;|\t\r\n"):
            skipped, line = skipped + 1, self._stream.readline(LONGEST_LINE)
        plain = _QUOTED.sub("", line.decode("utf-8", "replace"))
        delimiter = sign["sign"].decode() if sign else max(DELIMITERS, key=plain.count)
        stream = cast(io.RawIOBase, _Again(line, self._stream))
        text = io.TextIOWrapper(
            io.BufferedReader(stream), encoding="utf-8", errors="surrogateescape", newline=""
        )
        self._skipped = skipped
        self._reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            header = next(self._reader, [])
        except csv.Error as error:
            raise UsageError(f"line {skipped + 1} is no header of CSV ({error})") from None
        self._columns = _paths(header)
        row: dict[Any, Any] = {}
        for path in filter(None, self._columns):
            _put(row, path, "1", 0)
        if header and not self._key(_listed(row)):
            raise UsageError(
                f"{self._name} is read as CSV, and none of its {len(header)} columns is the order's "
                f"id, which the store's options.id finds; is line {skipped + 1} its header?"
            )

    def _orders(self) -> Iterator[Entry]:
        order: _Rows | None = None
        spoilt, where = "", 0  # the order of a row that cannot be read, and that row's line
        for line, cells, fault in self._lines():
            row: dict[Any, Any] = {}
            for path, cell in zip(self._columns, cells, strict=False):
                if cell and path:
                    _put(row, path, cell, 0)
            key = self._key(_listed(row))
            if order is not None and not (self.whole and key in ("", order.key)):
                yield order.entry()
                order = None
            if fault:
                yield Entry(line, None, fault)
                if order is not None:
                    order.spoilt_at = line
                spoilt, where = key, line
                continue
            if order is None:
                order = _Rows(key, line, where if self.whole and key == spoilt else 0)
            order.add(self._columns, cells)
        if order is not None:
            yield order.entry()

    def _lines(self) -> Iterator[tuple[int, list[str], str]]:
        """Each row with its line, and what is wrong with it."""
        while True:
            line = self._skipped + self._reader.line_num + 1
            self._last = line - 1
            fault = ""
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                cells, fault = [], f"is not CSV ({error})"
            if cells is None:
                return
            if not fault and not any(cell.strip() for cell in cells):
                continue
            if not any(cells[len(self._columns) :]):
                cells = cells[: len(self._columns)]
            if not fault and len(cells) != len(self._columns):
                fault = f"its cells are {len(cells)}, those of the header {len(self._columns)}"
            if not fault and not all(cell.isascii() or _is_text(cell) for cell in cells):
                fault = "is not UTF-8 text; save the file as CSV UTF-8"
            yield line, cells, fault


class _Rows:
    """The rows of one order so far."""

    def __init__(self, key: str, line: int, spoilt_at: int) -> None:
        self.key = key
        self.line = line
        self.spoilt_at = spoilt_at
        self._count = 0
        self._body: dict[Any, Any] = {}

    def add(self, columns: list[Path], cells: list[str]) -> None:
        for path, cell in zip(columns, cells, strict=True):
            if cell and path and (self._count == 0 or None in path) and self._count < MOST_ROWS:
                _put(self._body, path, cell, self._count)
        self._count += 1

    def entry(self) -> Entry:
        if self.spoilt_at:
            reason = f"its order is left out, because line {self.spoilt_at} cannot be read"
            return Entry(self.line, None, reason)
        if self._count > MOST_ROWS:
            return Entry(self.line, None, f"its order has more than {MOST_ROWS} rows")
        return Entry(self.line, _listed(self._body))


class _Again(io.RawIOBase):
    """A stream before which a line that was read from it stands again."""

    def __init__(self, line: bytes, stream: io.BufferedReader) -> None:
        self._line = line
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]  # a narrower buffer
        part: bytes = self._line[: len(into)] or self._stream.read1(len(into))
        self._line = self._line[len(part) :]
        into[: len(part)] = part
        return len(part)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(foreign_json.decode(line), dict)
    except NotJSON:
        return False


def _paths(header: list[str]) -> list[Path]:
    """The columns' places in the document. Raises UsageError for two that do not go together."""
    paths: list[Path] = []
    kinds: dict[Path, str] = {}
    for name in header:
        path: list[Step] = []
        if not name.strip():
            paths.append(())
            continue
        for part in name.strip().split("."):
            match = _STEP.fullmatch(part)
            if match is None:
                raise UsageError(f"column {name!r}: a name is like id, billing.city or lines[].sku")
            path.append(match["key"])
            if match["list"]:
                path.append(int(match["index"]) if match["index"] else None)
        if path.count(None) > 1:
            raise UsageError(f"column {name!r}: only one list of a column can have an element in each row")
        for length in range(1, len(path) + 1):
            above = tuple(path[:length])
            following = "end" if length == len(path) else _kind(path[length])
            if above in kinds and (kinds[above] != following or following == "end"):
                raise UsageError(f"column {name!r}: another column says something else about the same place")
            kinds[above] = following
        paths.append(tuple(path))
    return paths


def _kind(step: Step) -> str:
    return "key" if isinstance(step, str) else "row" if step is None else "index"


def _put(body: dict[Any, Any], path: Path, value: str, row: int) -> None:
    """Lists are dictionaries by index for as long as they grow."""
    *above, last = (row if step is None else step for step in path)
    for step in above:
        body = body.setdefault(step, {})
    body[last] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if any(isinstance(key, int) for key in value):
        return [_listed(item) for _, item in sorted(value.items())]
    return {key: _listed(item) for key, item in value.items()}


def _is_text(cell: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in cell)
