"""A file as it comes from others: unpacked from gzip, brought to UTF-8, or named for what it is instead."""

from __future__ import annotations

import codecs
import gzip
import io
from typing import TYPE_CHECKING, cast

from connector.model.errors import UsageError
from connector.runtime.mending import encoding_of

if TYPE_CHECKING:
    Buffered = io.BufferedReader[io.RawIOBase]

_PART = 64 * 1024
_LOOK = 4096  # bytes
_SAVE = "save it as CSV (in Excel: CSV UTF-8, or Unicode Text) and import that"

# What begins a file that holds no orders as text, and what to do about it.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0", f"is an old Excel workbook (.xls); {_SAVE}"),
    (b"%PDF", "is a PDF; export the orders as CSV or JSON Lines"),
    (b"{\\rtf", f"is a text document (RTF); {_SAVE}"),
    (b"ID;P", f"is a SYLK sheet; {_SAVE}"),
    (b"BZh", "is compressed with bzip2; unpack it, or use gzip"),
    (b"\xfd7zXZ", "is compressed with xz; unpack it, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it, or use gzip"),
    (b"7z\xbc\xaf", "is an archive of 7-Zip; unpack it first"),
    (b"SQLite format 3", "is a database; export the orders as CSV or JSON Lines"),
    (b"PAR1", "is Parquet; export the orders as CSV or JSON Lines"),
)
_SHEETS = (b"xl/", b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis", b"Index/")


def opened(source: io.RawIOBase, name: str) -> tuple[Buffered, Buffered]:
    """The file as it is stored, and what is in it: UTF-8 without a byte order mark, as far as it is text.

    Raises UsageError, which says what to do, for what is no text, and OSError or EOFError for a broken one.
    """
    stored: Buffered = io.BufferedReader(source, _PART)
    inside = stored
    if stored.peek(2)[:2] == b"\x1f\x8b":
        inside = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stored)), _PART)
    head = inside.peek(_LOOK)[:_LOOK]
    said = _otherwise(head)
    if said:
        raise UsageError(f"{name} {said}")
    encoding = _wide(head)
    if encoding:
        inside = io.BufferedReader(cast(io.RawIOBase, _Recoded(inside, encoding)), _PART)
    if inside.peek(3)[:3] == codecs.BOM_UTF8:
        inside.read(3)
    return stored, inside


def _otherwise(head: bytes) -> str:
    if head.startswith(b"PK\x03\x04"):
        sheet = any(mark in head for mark in _SHEETS)
        return (
            f"is a workbook (.xlsx, .ods or .numbers); {_SAVE}"
            if sheet
            else "is a ZIP archive; unpack it first"
        )
    for mark, said in _OTHERS:
        if head.startswith(mark):
            return said
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<":
        return f"is HTML or XML (many shops export it as .xls); {_SAVE}"
    if b"\x00" in head and not encoding_of(head):
        return "is no text: it holds bytes of zero; export the orders as CSV or JSON Lines"
    return ""


def _wide(head: bytes) -> str:
    """The name of UTF-16 or UTF-32 by its mark, else by where its zeros are; empty for UTF-8."""
    name = encoding_of(head)
    if not name or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return name.lower()
    return f"{name.lower()}-{'be' if head[0] == 0 else 'le'}"


class _Recoded(io.RawIOBase):
    """A stream in another encoding, read as UTF-8; what is wrong with it becomes U+FFFD."""

    def __init__(self, source: Buffered, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]  # a narrower buffer
        while not self._rest:
            part = self._source.read(_PART)
            self._rest = self._decoder.decode(part, final=not part).encode("utf-8", "replace")
            if not part:
                break
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
