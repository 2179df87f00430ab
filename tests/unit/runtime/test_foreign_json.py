"""JSON of others: amid text, nested without end, and larger than the event loop has patience for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connector.model.errors import Unavailable
from connector.runtime import exact_json, foreign_json
from connector.runtime.exact_json import MOST_DEPTH, NotJSON
from connector.runtime.http import Http, Reply

WARNING = b"<br />\n<b>Warning</b>: Undefined [key] in {x} on line <b>1</b><br />\n"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'[{"id":1}]', [{"id": 1}]),
        (WARNING + b'[{"id":1}]', [{"id": 1}]),
        (WARNING * 300 + b'{"id":1.10}', {"id": Decimal("1.10")}),
        (b"\n[\n{\n[x\n" * 50 + b'{"id":1}', {"id": 1}),
        (b'text [1] {"id":1}\n{"id":2}\n', {"id": 2}),
        (b'Notice: x\n\n  {"id":1}', {"id": 1}),
    ],
)
def test_json_after_text_is_found(body: bytes, value: Any) -> None:
    assert foreign_json.amid_text(body) == value


@pytest.mark.parametrize("tail", [b"<!-- cached -->", b"\n<br />\n<b>Notice</b>: [x] {y}", b"\n\n0"])
@pytest.mark.parametrize("before", [b"", WARNING])
def test_json_before_text_is_found_only_where_that_is_asked_for(before: bytes, tail: bytes) -> None:
    body = before + b'[{"id":1,"name":"a \\" ]"}]' + tail
    assert foreign_json.amid_text(body, after=True) == [{"id": 1, "name": 'a " ]'}]
    with pytest.raises(NotJSON):
        foreign_json.amid_text(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<script>var a = [];</script>", WARNING, b'{"id":1', b"null 1"]
)
def test_what_is_no_json_is_none(body: bytes) -> None:
    with pytest.raises(NotJSON):
        foreign_json.amid_text(body)


@pytest.mark.parametrize("line", [b"[\n", b"{\n", b'["a\n', b"[[[[[[[[\n", b'[1,\n{"a":\n'])
def test_the_search_tries_a_fixed_number_of_places(monkeypatch: pytest.MonkeyPatch, line: bytes) -> None:
    read: list[int] = []
    plain = exact_json.decode

    def decode(text: bytes) -> Any:
        read.append(len(text))
        return plain(text)

    monkeypatch.setattr(exact_json, "decode", decode)
    body = line * (400_000 // len(line))
    for after in (False, True):
        read.clear()
        with pytest.raises(NotJSON):
            foreign_json.amid_text(body, after=after)
        assert len(read) <= 20


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


def lists(depth: int) -> bytes:
    return b'["a",' * (depth - 1) + b"[]" + b"]" * (depth - 1)


@pytest.mark.parametrize("shape", [nested, lists])
def test_nesting_is_bounded(shape: Callable[[int], bytes]) -> None:
    assert exact_json.decode(shape(MOST_DEPTH))
    for depth in (MOST_DEPTH + 1, MOST_DEPTH + 2, 500, 100_000):
        with pytest.raises(NotJSON):
            exact_json.decode(shape(depth))


@pytest.mark.parametrize("depth", [500, 100_000])
def test_nesting_behind_brackets_in_strings_harms_nothing(depth: int) -> None:
    text = b'["]",' * (depth - 1) + b"[]" + b',"["]' * (depth - 1)
    with suppress(NotJSON):
        assert exact_json.encode(exact_json.decode(text)) == text


def test_brackets_in_strings_are_no_nesting() -> None:
    text = {"a": "[" * 500, "b": ["}" * 500, '"[{' * 200]}
    assert exact_json.decode(exact_json.encode(text)) == text


@pytest.mark.parametrize(
    "value",
    [
        [
            {"id": number, "total": Decimal("1.10"), "lines": [{"sku": "x" * 50}] * 20}
            for number in range(400)
        ],
        {"orders": [{"id": 2**62, "name": 'é\n"' * 90}] * 900, "count": 900, "more": None},
        {"data": {"orders": {"edges": [{"node": {"id": "a" * 400_000}}, {"node": {"id": "b"}}]}}},
        ["x" * 300_000],
    ],
)
def test_parts_make_the_same_whole(value: Any) -> None:
    body = b" \n" + exact_json.encode(value) + b"\n"
    assert len(body) > foreign_json.LARGE
    assert foreign_json.in_parts(body) == exact_json.decode(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"1," * 200_000 + b"]",
        b'{"a":"' + b"x" * 300_000,
        b'{"a":["' + b"x" * 300_000 + b'"]}}',
        b"[" * 300_000,
        b'{"a":' * 101 + b'"' + b"x" * 300_000 + b'"' + b"}" * 101,
    ],
)
def test_parts_of_what_is_no_json_are_none(body: bytes) -> None:
    with pytest.raises(NotJSON):
        foreign_json.in_parts(body)


async def test_a_large_answer_is_read_while_the_loop_goes_on() -> None:
    body = exact_json.encode([{"id": n, "total": Decimal("1.10"), "note": "x" * 200} for n in range(60_000)])

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    ticker = asyncio.create_task(ticking())
    reply = await Http(transport=httpx.MockTransport(answer)).send("GET", "https://shop.invalid/orders")
    ticker.cancel()
    assert turns > 20
    assert reply.json() is reply.json()  # it was read ahead
    assert len(reply.json()) == 60_000


def test_a_large_page_of_a_web_server_is_told_by_its_first_letter() -> None:
    reply = Reply(200, httpx.Headers(), b" " * 1000 + b"<html>" + b"[" * 100_000, "https://shop.invalid/")
    with pytest.raises(Unavailable, match="an HTML page instead of JSON"):
        reply.json(amid_text=True)
