"""JSON that others send: amid text, and so large that reading it at once would hold the event loop.

Everything here is linear in the length of what came, or a fixed multiple of it.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import msgspec

from connector.runtime import exact_json, mending
from connector.runtime.exact_json import NotJSON

LARGE = 256 * 1024  # bytes; reading so much takes some milliseconds
_DEEPEST = 4  # levels that are taken apart: a page, its list, an order, its lists
_STARTS = 4  # lines tried from the top, and as many from the bottom
_LINE_START = re.compile(rb"^[\[{]", re.MULTILINE)
_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte order mark is none either
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")


def decode(body: bytes, *, mend_bytes: bool = False) -> Any:
    """What others wrote, as Python values. Raises NotJSON; it says in a clause what the text is instead.

    Besides JSON it takes byte order marks, halves of surrogate pairs (U+FFFD then), control characters and
    unknown escapes in text, and as *text* whatever is no number though it stands where one should: ``NaN``,
    ``-Infinity``, ``.5``, ``007``, thousands of digits. What is nested too deeply becomes a short text.

    ``mend_bytes`` is for a sender that nobody can ask to mend it: bytes that are not UTF-8 become U+FFFD.
    Without it they are refused, with the encoding that it looks like.
    """
    try:
        return exact_json.decode(body)
    except NotJSON:
        text = mending.mended(body, mend_bytes=mend_bytes)
    try:
        return exact_json.decode(text)
    except NotJSON as error:
        upper = mending.shallow(text)
        if upper == text:
            said = str(error).removeprefix("JSON is malformed: ").partition(" (byte")[0]
            raise NotJSON(f"is not JSON ({said})") from None
    return exact_json.decode(upper)


def amid_text(body: bytes, *, after: bool = False) -> Any:
    """The JSON of a body that begins with text, such as the warnings that PHP prints; with ``after`` also of
    one that ends with text, such as a cache's comment.

    A warning can hold brackets itself, so besides the first bracket some lines that begin with one are
    tried: the first and the last few, for what comes between is a warning's too. Raises NotJSON.
    """
    found = _exact(body, after)
    if found is not None and (found.own_line or not after):
        return found.value
    if len(body) <= LARGE:  # where a large one cannot be read, a smaller page is asked for
        last = 1 + max(body.rfind(b"]"), body.rfind(b"}"))
        for end in (len(body), last) if after else (len(body),):
            for start in (0, *_starts(body)):
                try:
                    return decode(body[start:end], mend_bytes=True)
                except NotJSON:
                    continue
    if found is None:
        raise NotJSON("there is no complete JSON in it")
    return found.value


class _Found(msgspec.Struct, frozen=True):
    own_line: bool
    length: int
    value: Any


def _exact(body: bytes, after: bool) -> _Found | None:
    """The first complete JSON to the end of the body; with ``after`` that which has a line of its own and is
    the longest, for the text itself holds brackets too (``items[0]``).
    """
    best: _Found | None = None
    for start in (0, *_starts(body)):
        own_line = not body[:start].strip(_BLANK) or body[start - 1 : start] == b"\n"
        try:
            found = _Found(own_line, len(body) - start, exact_json.decode(body[start:]))
        except NotJSON as error:
            end = _TRAILING.search(str(error)) if after else None
            if end is None or (cut := _cut(body, start, int(end[1]) - 1)) is None:
                continue
            found = _Found(own_line, int(end[1]), cut)
        if not after or not start:
            return found
        if best is None or (found.own_line, found.length) > (best.own_line, best.length):
            best = found
    return best


def in_parts(body: bytes) -> Any:
    """Like ``exact_json.decode``, in steps of at most ``LARGE`` bytes; for a thread.

    A decoder of C lets no other thread run until it is done. Between two steps the event loop has its turn.
    """
    value = _parts(msgspec.Raw(body), 0)
    exact_json.bounded(body, value)
    return value


def _parts(raw: msgspec.Raw, depth: int) -> Any:
    text = memoryview(raw)
    if len(text) <= LARGE or depth >= _DEEPEST:
        return exact_json.decode(bytes(text))
    opening = bytes(text[:64]).lstrip()[:1]
    try:
        if opening == b"[":
            return [_parts(one, depth + 1) for one in _LIST.decode(text)]
        if opening == b"{":
            return {key: _parts(one, depth + 1) for key, one in _OBJECT.decode(text).items()}
    except (NotJSON, UnicodeDecodeError, RecursionError):
        pass  # whatever is wrong with it, ``exact_json`` says
    return exact_json.decode(bytes(text))


def _cut(body: bytes, start: int, length: int) -> Any:
    """The complete JSON of that length, an object or a list; None when it is none."""
    try:
        value = exact_json.decode(body[start : start + length])
    except NotJSON:
        return None
    return value if isinstance(value, dict | list) else None


def _starts(body: bytes) -> list[int]:
    first = min((at for at in (body.find(b"["), body.find(b"{")) if at >= 0), default=None)
    if first is None:
        return []
    lines = [match.start() for match in islice(_LINE_START.finditer(body), _STARTS)]
    end = len(body)
    for _ in range(_STARTS):
        end = max(body.rfind(b"\n[", 0, end), body.rfind(b"\n{", 0, end))
        if end < 0:
            break
        lines.append(end + 1)
    return list(dict.fromkeys([first, *lines]))


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
