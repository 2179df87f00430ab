"""Documents in a file of JSON, however others keep them: one, a list, an answer around them, a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from connector.model.errors import UsageError
from connector.runtime import foreign_json, mending
from connector.runtime.exact_json import NotJSON

LARGEST = 256 * 1024 * 1024  # bytes of a file that is read whole

# What lists of shops stand in: django-oscar's, Medusa's, Vendure's, Shopify's, WooCommerce's exports.
_AROUND = ("data", "orders", "order", "results", "items", "nodes", "edges", "node")
_DEEPEST = 5

Known = Callable[[dict[str, Any]], bool]
_raws = msgspec.json.Decoder(list[msgspec.Raw])


class Found(msgspec.Struct, frozen=True):
    """One document and its line (from 1), or the ``fault`` that keeps it out."""

    line: int
    body: dict[str, Any] | None
    fault: str = ""


def documents(content: bytes, name: str, known: Known) -> list[Found]:
    """All of a file, which is read whole or line by line. Raises UsageError for what is no JSON at all.

    ``known`` says whether a body tells which order it is; around one that does not, a list is looked for.
    """
    try:
        return whole(content, known)
    except NotJSON as error:
        said = str(error)
    lines = list(by_line(content.split(b"\n"), known))
    if len(lines) < 2 or not any(one.body for one in lines):
        raise UsageError(f"{name} {said}; expected is an order document, a list of them, or one on each line")
    return lines


def whole(content: bytes, known: Known) -> list[Found]:
    """The documents of one JSON value. Raises NotJSON."""
    value = foreign_json.decode(content)
    if isinstance(value, list):
        return list(_listed(content, value, known))
    bodies = inside(value, known)
    return [Found(1, one) if isinstance(one, dict) else Found(1, None, "is no JSON object") for one in bodies]


def by_line(lines: Iterable[bytes], known: Known) -> Iterator[Found]:
    """A document a line; empty lines are none."""
    for number, line in enumerate(lines, 1):
        if not line.strip(b" \t\r\n\x00"):
            continue
        try:
            value = foreign_json.decode(line)
        except NotJSON as error:
            yield Found(number, None, str(error))
            continue
        for body in inside(value, known):
            yield Found(number, body) if isinstance(body, dict) else Found(number, None, "is no JSON object")


def _listed(content: bytes, values: list[Any], known: Known) -> Iterator[Found]:
    """With the line of each; text that had to be mended is counted as it was mended."""
    try:
        raws = _raws.decode(content)
    except NotJSON:
        content = mending.mended(content, mend_bytes=False)
        try:
            raws = _raws.decode(content)
        except NotJSON:
            raws = []
    line, at = 1, 0
    for index, value in enumerate(values):
        if index < len(raws):
            begin = content.index(bytes(raws[index]), at)
            line, at = line + content.count(b"\n", at, begin), begin
        for body in inside(value, known):
            yield Found(line, body) if isinstance(body, dict) else Found(line, None, "is no JSON object")


def inside(value: Any, known: Known, within: tuple[str, ...] = ()) -> list[Any]:
    """The documents in an answer of a shop; a document is itself.

    ``items`` are orders only within ``orders``: elsewhere they are what was bought.
    """
    if not isinstance(value, dict) or len(within) == _DEEPEST or known(value):
        return [value]
    names = _AROUND if "orders" in within else [name for name in _AROUND if name != "items"]
    name = next((name for name in names if isinstance(value.get(name), dict | list)), None)
    if name is None:
        return [value]
    inner = value[name] if isinstance(value[name], list) else [value[name]]
    return [one for each in inner for one in inside(each, known, (*within, name))]
