"""Documents in files, as others keep them."""

from __future__ import annotations

from typing import Any

import pytest

from connector.admin.document_files import documents
from connector.model.errors import UsageError

PRETTY = b"""[
  {
    "id": 1
  },
  {
    "id": 2, "items": [{"id": 7}],
    "x": NaN
  }
]"""


def known(body: dict[str, Any]) -> bool:
    return "id" in body


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"id":1}', [(1, 1)]),
        (b'\xef\xbb\xbf{"id":1}\n', [(1, 1)]),
        (b'[{"id":1},{"id":2}]', [(1, 1), (1, 2)]),
        (PRETTY, [(2, 1), (5, 2)]),
        (b'{"id":1}\n\n{"id":2,"x":"\\ud83d"}\r\n', [(1, 1), (3, 2)]),
        (b'{"data":{"orders":{"nodes":[{"id":1},{"id":2}]}}}', [(1, 1), (1, 2)]),
        (b'{"data":{"orders":{"edges":[{"node":{"id":1}}]}}}', [(1, 1)]),
        (b'{"count":2,"next":null,"results":[{"id":1},{"id":2}]}', [(1, 1), (1, 2)]),
        (b'{"order":{"id":1,"items":[]}}', [(1, 1)]),
        (b'{"orders":[{"id":1}]}\n{"orders":[{"id":2}]}', [(1, 1), (2, 2)]),
        (b"[]", []),
    ],
)
def test_documents_are_found_with_their_lines(content: bytes, found: list[tuple[int, int]]) -> None:
    assert [(one.line, one.body and one.body["id"]) for one in documents(content, "f", known)] == found


def test_what_is_none_has_its_line() -> None:
    found = documents(b'{"id":1}\n{"id":\n[3]\n{"id":4}', "f", known)
    assert [(one.line, bool(one.body), one.fault) for one in found] == [
        (1, True, ""),
        (2, False, "is not JSON (Input data was truncated)"),
        (3, False, "is no JSON object"),
        (4, True, ""),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<html>", "HTML or XML"),
        (b"PK\x03\x04", "is not JSON"),
        (b"id,total\n1,2\n", "is not JSON"),
        ('{"id":1}'.encode("utf-16"), "UTF-16"),
        ('{"id":1,"x":"ü"}'.encode("latin-1"), "ISO-8859-1"),
        (b'{"id":1', "is not JSON"),
    ],
)
def test_what_a_file_is_instead_is_said_once(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=r"^f is ") as caught:
        documents(content, "f", known)
    assert said in str(caught.value)
