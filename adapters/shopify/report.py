"""The result of a bulk operation: JSON lines, kept in a file without a name, found by an index beside it.

Children are not promised to stand next to their parents, so each line item is found by ``__parentId``. The
index is SQLite's own temporary database. Both are gone when the process is, however it ends: they hold
buyers' data. Memory stays flat, however long the report is.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from itertools import groupby
from typing import Any, BinaryIO
from weakref import finalize

import msgspec

from adapters.shopify.documents import document
from connector.model.errors import Unavailable
from connector.model.order import Document
from connector.runtime import foreign_json

_BATCH = 2000  # rows of the index that are written at once
_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -1000;
CREATE TABLE parent (number INTEGER PRIMARY KEY, id INTEGER, place INTEGER, size INTEGER);
CREATE TABLE child (id INTEGER, place INTEGER, size INTEGER, PRIMARY KEY (id, place)) WITHOUT ROWID;
"""
_PAGE = """
SELECT parent.number, parent.place, parent.size, child.place, child.size
FROM parent LEFT JOIN child ON child.id = parent.id
WHERE parent.number >= ? AND parent.number < ? ORDER BY parent.number, child.place
"""


class _Line(msgspec.Struct):
    """What the index needs of a line; the rest of it is skipped unread."""

    id: str
    parent: str | None = msgspec.field(name="__parentId", default=None)


_line = msgspec.json.Decoder(_Line)


class Report:
    """One report. ``file`` is to be filled, then ``index`` called once. Not for two threads at a time."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._index.executescript(_TABLES)
        self.orders = 0
        self.close = finalize(self, _close, self.file, self._index)  # also when nobody holds it any more

    def index(self) -> None:
        """Find out where each order and each of its lines stands. Raises Unavailable for a broken report."""
        self.file.flush()
        self.file.seek(0)
        parents: list[tuple[int, int, int, int]] = []
        children: list[tuple[int, int, int]] = []
        place = 0
        try:
            for line in self.file:
                size = len(line)
                if size > 1:
                    row = _row(line)
                    if row.parent is None:
                        parents.append((self.orders, _number(row.id), place, size))
                        self.orders += 1
                    else:
                        children.append((_number(row.parent), place, size))
                place += size
                if len(parents) + len(children) >= _BATCH:
                    self._write(parents, children)
            self._write(parents, children)
        except (msgspec.DecodeError, ValueError):
            raise Unavailable(
                "a line of the bulk operation's report cannot be read", maybe_done=True
            ) from None

    def page(self, first: int, count: int) -> list[Document]:
        """Orders ``first`` to ``first + count`` in the report's own order, with their lines."""
        found = self._index.execute(_PAGE, (first, first + count))
        return [self._document(list(rows)) for _, rows in groupby(found, key=lambda row: row[0])]

    def _document(self, rows: list[tuple[int, int, int, int | None, int]]) -> Document:
        _, place, size, *_ = rows[0]
        return document(self._read(place, size), list(self._lines(rows)))

    def _lines(self, rows: list[tuple[int, int, int, int | None, int]]) -> Iterator[Any]:
        for *_, place, size in rows:
            if place is not None:
                line = self._read(place, size)
                del line["__parentId"]
                yield line

    def _read(self, place: int, size: int) -> dict[str, Any]:
        line = os.pread(self.file.fileno(), size, place)
        row: dict[str, Any] = foreign_json.decode(line, mend_bytes=True)
        return row

    def _write(self, parents: list[Any], children: list[Any]) -> None:
        """One transaction, so that the lists can be emptied."""
        self._index.execute("BEGIN")
        self._index.executemany("INSERT INTO parent VALUES (?, ?, ?, ?)", parents)
        self._index.executemany("INSERT INTO child VALUES (?, ?, ?)", children)
        self._index.execute("COMMIT")
        parents.clear()
        children.clear()


def _close(file: BinaryIO, index: sqlite3.Connection) -> None:
    index.close()
    file.close()


def _row(line: bytes) -> _Line:
    try:
        return _line.decode(line)
    except msgspec.DecodeError:  # a value somewhere in it that is no JSON costs its order, not the report
        return msgspec.convert(foreign_json.decode(line, mend_bytes=True), _Line)


def _number(gid: str) -> int:
    return int(gid.rpartition("/")[2])
