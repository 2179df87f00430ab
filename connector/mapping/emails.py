"""The one e-mail address in what a shop has: unwrapped where it is wrapped, checked by email-validator. Pure.

What counts is the syntax (RFC 5321, 5322, internationalised addresses too), and that the host's name can be
one of the internet: not ``localhost``, ``.local``, ``.invalid``. Nobody is asked whether mail would arrive.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

_LONGEST_TEXT = 1000
_LONGEST = 254  # RFC 5321, 4.5.3.1.3
_ENTITY = re.compile(r"&(?:lt|gt|quot|amp|nbsp|#\d{1,6}|#x[0-9a-f]{1,5});", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)
_WITHIN = re.compile(r"[<‹«⟨〈＜]([^<>‹›«»⟨⟩〈〉＜＞]*)[>›»⟩〉＞]")
_APART = re.compile(r"[\s,;]+")
_AROUND = "\"'`´‘’‚‛“”„‟«»‹›<>()[]{}|,;:"
_BEHIND = _AROUND + ".。"
# What is typed with a full-width keyboard: a letter, digit or sign of ASCII, and the ideographic full stop.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: ".", 0xFF61: ".", 0xFE6B: "@"}


def address(text: str) -> str:
    """The address when exactly one is left, else empty text.

    Unwrapped are ``Ada <a@b.example>``, ``mailto:``, quotes, brackets, a dot or comma behind it, entities of
    HTML, full-width letters and characters that cannot be seen. Upper and lower case stay as they are.
    """
    if not text or len(text) > _LONGEST_TEXT:
        return ""
    text = _readable(text)
    within = [part for part in _WITHIN.findall(text) if "@" in part]
    if within:
        rest = _WITHIN.sub(" ", text)
        written = [*within, *(part for part in _APART.split(rest) if "@" in part)]
    else:
        written = [part for part in _APART.split(text) if part.strip(_BEHIND)]
    found = {bare.casefold(): bare for bare in map(_bare, written)}
    if len(found) != 1:
        return ""
    (one,) = found.values()
    return _checked(one)


def _readable(text: str) -> str:
    """Without characters that cannot be seen, entities and full-width forms."""
    if _ENTITY.search(text):
        text = html.unescape(text)
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(_NARROW)
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or not _unseen(c)).strip()


def _unseen(character: str) -> bool:
    """Controls, formats (zero width, direction, soft hyphen, byte order mark), halves of surrogate pairs."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _bare(written: str) -> str:
    written = written.strip().strip(_AROUND)
    if match := _MAILTO.match(written):
        written = unquote(written[match.end() :].partition("?")[0])
    return written.lstrip(_AROUND).rstrip(_BEHIND)


def _checked(text: str) -> str:
    # Loaded with the first address: an idle daemon of stores without orders does without.
    from email_validator import EmailNotValidError, validate_email

    if len(text) > _LONGEST:
        return ""
    try:
        known = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError:
        return ""
    host, _, top = known.ascii_domain.rpartition(".")
    if not host or not top[:1].isalpha():  # a machine at home, an IP address
        return ""
    return text if text.isascii() else known.normalized
