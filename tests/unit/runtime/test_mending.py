"""What others write and call JSON: read as far as it is certain, in linear time, or refused in words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime import exact_json
from connector.runtime.exact_json import MOST_DEPTH, NotJSON
from connector.runtime.foreign_json import amid_text, decode
from connector.runtime.mending import MOST_REPAIRS, TOO_DEEP

BOM = b"\xef\xbb\xbf"
LONG = b"9" * 5000
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (BOM + b"[1]", [1]),
        (b" " + BOM + BOM + b"\r\n[1]\n\x00", [1]),
        (rb'["\ud83d"]', ["\ufffd"]),
        (rb'["\ud83d\ude00 \ude00\ud83d x"]', ["\U0001f600 \ufffd\ufffd x"]),
        (rb'["\\ud83d \\\ud83d"]', ["\\ud83d \\\ufffd"]),  # the first is a backslash and plain letters
        (b'["\xed\xa0\xbd|\xed\xa0\xbd\xed\xb8\x80"]', ["\ufffd|\U0001f600"]),
        (b'["a\n\x01b"]', ["a\n\x01b"]),
        (rb'["\x \' \u12 \N"]', [r"\x \' \u12 \N"]),
        (b"[NaN,-Infinity,nan,-inf,undefined]", ["NaN", "-Infinity", "nan", "-inf", "undefined"]),
        (b"[.5,1.,007,+1,1-2]", [".5", "1.", "007", "+1", "1-2"]),
        (b"[" + LONG + b",-" + LONG + b"]", [LONG.decode(), "-" + LONG.decode()]),
        (b"[1e400,NaN,1.50]", [Decimal("1e400"), "NaN", Decimal("1.50")]),
        (rb'{"say \"NaN\"":"NaN, \ud83d","n":NaN}', {'say "NaN"': "NaN, \ufffd", "n": "NaN"}),
    ],
)
def test_what_is_certain_is_read_and_what_is_no_number_is_text(text: bytes, read: Any) -> None:
    assert decode(text) == read
    assert exact_json.decode(exact_json.encode(decode(text))) == read


def test_one_value_costs_one_place_and_not_the_list_around_it() -> None:
    good = b'{"id":9007199254740993,"total":12.50,"name":"M\\u00fcller \\/ \\"x\\""}'
    for bad in (b'{"id":NaN}', b'{"x":"\\ud83d"}', b'{"x":' + LONG + b"}"):
        read = decode(BOM + b"[" + good + b"," + bad + b"," + good + b"]")
        assert read[0] == read[2] == exact_json.decode(good)


def test_what_is_nested_too_deeply_is_cut_where_it_is() -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    read = decode(b'[{"id":1,"x":' + deep + b',"y":"]["},{"id":2}]')
    assert [one["id"] for one in read] == [1, 2]
    assert read[0]["y"] == "]["
    level, depth = read[0]["x"], 2
    while isinstance(level, list):
        (level,) = level
        depth += 1
    assert (level, depth) == (TOO_DEEP, MOST_DEPTH)
    assert exact_json.shallow(read, 2) == [{"id": 1, "x": None, "y": "]["}, {"id": 2}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (BOM, "is empty"),
        (b"<html>", "is HTML or XML, not JSON"),
        (b"OK", "neither an object nor a list"),
        (b'{"a":1', "is not JSON"),
        (b"[1,]", "trailing comma"),
        (b"{'a':1}", "is not JSON"),
        (b'["' + b'\\"' * 1000, "is not JSON"),
        (b"[" * 3000, "ends too early"),
        ('[{"a":"ü"}]'.encode("utf-16"), "is UTF-16"),
        ('[{"a":"ü"}]'.encode("utf-16-le"), "is UTF-16"),
        ('[{"a":"ü"}]'.encode("utf-16-be"), "is UTF-16"),
        ('[{"a":"ü"}]'.encode("utf-32"), "is UTF-32"),
        ('[{"a":"ü"}]'.encode("utf-32-le"), "is UTF-32"),
        ('[{"a":"ü"}]'.encode("latin-1"), "is not UTF-8 (byte 0xfc at 7): it looks like ISO-8859-1"),
        (b"[" + b"NaN," * (MOST_REPAIRS + 1) + b"1]", "in more than 100,000 places"),
    ],
)
def test_what_it_is_instead_is_said(text: bytes, said: str) -> None:
    with pytest.raises(NotJSON) as caught:
        decode(text)
    assert said in str(caught.value)


def test_bytes_that_are_no_utf_8_are_mended_where_nobody_can_be_asked() -> None:
    assert decode(b'{"city":"K\xf6ln","id":1}', mend_bytes=True) == {"city": "K\ufffdln", "id": 1}


@given(values)
def test_json_is_read_alike_by_both(value: Any) -> None:
    text = exact_json.encode(value)
    assert decode(text) == exact_json.decode(text)
    # And as others write it, on the slow way too: escaped, indented, beside something that is no JSON.
    spaced = json.dumps([value, "\ud83d"], indent=1).encode()
    assert decode(BOM + spaced) == [exact_json.decode(text), "\ufffd"]


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u d8eE+-.019NaInfty').map(str.encode))
def test_whatever_the_bytes_it_is_read_or_refused_and_can_be_written_again(text: bytes) -> None:
    for mend in (False, True):
        for around in (text, b"[" + text + b"]", b'["' + text + b'"]'):
            try:
                read = decode(around, mend_bytes=mend)
            except NotJSON:
                continue
            assert exact_json.decode(exact_json.encode(read)) == read


def test_amid_text_too() -> None:
    body = b'Notice: x [1] in y.php\n[{"id":1,"total":NaN,"name":"\\ud83d"}]'
    read = [{"id": 1, "total": "NaN", "name": "\ufffd"}]
    assert amid_text(body) == read
    assert amid_text(b"\xef\xbb\xbf" + body + b"<!-- cached -->", after=True) == read
    with pytest.raises(NotJSON):
        amid_text(body + b"<!-- cached -->")
