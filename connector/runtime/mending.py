"""Text that is nearly JSON, brought to JSON. Everything takes time in proportion to the text.

What is certain is kept as it is meant (a cut emoji is U+FFFD), and what is no number though it stands where
one should becomes text: so it costs the one field in which it stands, and never the page of orders around it.
"""

from __future__ import annotations

import re

from connector.runtime.exact_json import MOST_DEPTH, NotJSON

TOO_DEEP = "(nested too deeply)"
MOST_REPAIRS = 100_000  # of one text; beyond it is no JSON with faults in it but a stranger's game

_BOM = b"\xef\xbb\xbf"
_LONGEST_NESTED = 8 * 1024 * 1024  # bytes in which what is nested too deeply is looked for
_LONGEST_RUN = 5000  # tokens
_LONGEST_NUMBER = 4000  # digits; Python makes no int of more than 4,300
_UTF32 = {b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32"}
_UTF16 = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}

# Runs of what is JSON already, so that Python looks only at what is not; between two of them other threads
# have a turn. Each repetition is possessive: without the ways back, which could not help, the time is linear.
_PLAIN = (
    rb'"(?:[^"\\\x00-\x1f]'
    rb'|\\(?:["\\/bfnrt]|u(?:[0-9a-ceA-CEfF][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2}))*+"'
)
_TEXT = rb'(?P<text>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))'  # also one that does not end
_NUMBER = rb"-?(?:0|[1-9]\d{0,%d})(?:\.\d+)?(?:[eE][-+]?\d{1,15})?" % (_LONGEST_NUMBER - 1)
_REPAIRS = re.compile(
    rb"(?P<fine>(?:%b|%b(?![\w.+-])|[\s,:\[\]{}]++|true|false|null){1,%d}+)|%b"
    rb"|(?P<number>[-+]?(?:(?i:nan|inf(?:inity)?)(?!\w)|\.?\d[\w.+-]*+)|undefined(?!\w))"
    rb"|(?P<junk>.)" % (_PLAIN, _NUMBER, _LONGEST_RUN, _TEXT),
    re.DOTALL,
)
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb'|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
    rb"|(?P<unknown>\\)|(?P<control>[\x00-\x1f])"
)
_SURROGATES = re.compile(rb"(?:\xed[\xa0-\xbf][\x80-\xbf])+")
_LEVELS = re.compile(rb"%b|(?P<open>[\[{])|(?P<shut>[\]}])" % _TEXT, re.DOTALL)


def mended(text: bytes, *, mend_bytes: bool) -> bytes:
    """JSON in UTF-8, unless the text is none for another reason than these; see ``foreign_json.decode``.

    Raises NotJSON; it says in a clause what the text is instead.
    """
    text = utf8(text, mend_bytes)
    if text[:1] not in (b"{", b"["):
        raise NotJSON(_otherwise(text))
    return _REPAIRS.sub(_Mender().piece, text)


def encoding_of(text: bytes) -> str:
    """The name of an encoding that is not UTF-8, as far as its first bytes tell; empty for none."""
    for marks in (_UTF32, _UTF16):
        for mark, name in marks.items():
            if text.startswith(mark):
                return name
    head = text[:64]
    nulls = head.count(0)
    if len(head) >= 8 and nulls * 5 >= len(head) * 3:
        return "UTF-32"
    return "UTF-16" if len(head) >= 4 and nulls * 5 >= len(head) * 2 else ""


def utf8(text: bytes, mend: bool) -> bytes:
    """The text without marks around it, in UTF-8. Raises NotJSON."""
    other = encoding_of(text)
    if other:
        raise NotJSON(f"is {other}; JSON is UTF-8")
    text = text.strip(b" \t\r\n\x00")
    while text.startswith(_BOM):
        text = text.removeprefix(_BOM).lstrip()
    text = _SURROGATES.sub(_characters, text)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        if not mend:
            raise NotJSON(
                f"is not UTF-8 (byte 0x{text[error.start]:02x} at {error.start}): it looks like ISO-8859-1 "
                "or Windows-1252, or was cut within a character; JSON is UTF-8"
            ) from None
        return text.decode("utf-8", "replace").encode()
    return text


def _characters(match: re.Match[bytes]) -> bytes:
    """Surrogates written as UTF-8 each: pairs are characters all the same."""
    halves = match[0].decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    return halves.decode("utf-16-le", "replace").encode()


class _Mender:
    """Counts what it repairs in one text. Raises NotJSON for what is no JSON at all, as soon as it is met."""

    def __init__(self) -> None:
        self._repairs = 0

    def piece(self, match: re.Match[bytes]) -> bytes:
        if match["junk"] is not None:
            raise NotJSON("is not JSON (invalid character)")
        if match["text"] is not None:
            return _ESCAPE.sub(self._character, match[0])
        return match[0] if match["number"] is None else self._counted(b'"%b"' % match[0])

    def _character(self, match: re.Match[bytes]) -> bytes:
        if match["lone"] is not None:
            return self._counted(b"\\ufffd")
        if match["control"] is not None:
            return self._counted(b"\\u%04x" % match[0][0])
        return match[0] if match["unknown"] is None else self._counted(b"\\\\")

    def _counted(self, repair: bytes) -> bytes:
        self._repairs += 1
        if self._repairs > MOST_REPAIRS:
            raise NotJSON(f"is not JSON (in more than {MOST_REPAIRS:,} places)")
        return repair


def shallow(text: bytes) -> bytes:
    """The text with ``TOO_DEEP`` in place of what lies deeper than ``MOST_DEPTH``."""
    if len(text) > _LONGEST_NESTED:
        raise NotJSON("is nested too deeply")
    kept: list[bytes] = []
    depth = begin = 0
    for match in _LEVELS.finditer(text):
        if match["open"] is not None:
            depth += 1
            if depth == MOST_DEPTH + 1:
                kept += (text[begin : match.start()], b'"%b"' % TOO_DEEP.encode())
        elif match["shut"] is not None:
            if depth == MOST_DEPTH + 1:
                begin = match.end()
            depth -= 1
    if depth > MOST_DEPTH:
        raise NotJSON("is not JSON (ends too early)")
    return b"".join((*kept, text[begin:]))


def _otherwise(text: bytes) -> str:
    if not text:
        return "is empty"
    if text.startswith(b"<"):
        return "is HTML or XML, not JSON"
    return "is not JSON (neither an object nor a list)"
