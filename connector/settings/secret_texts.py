"""What a key, token or password cannot hold: what comes along when one is copied, or saved by an editor.

Most such secrets travel in a header, and a character that no header can carry would stop each request with an
error of its own. What is said never repeats a character of the secret.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from connector.settings.yaml_tree import KeyPath

QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "”": "”", "„": "“", "‘": "’", "’": "’", "«": "»"}

# Typed by people and hashed or sent within a body: these may hold letters of any language, and spaces.
_OF_PEOPLE = re.compile(r"passw|passphrase|user_?name|login|webhook_secret", re.IGNORECASE)
_SECRET_KEYS = ("token", "integration_token", "webhook_secret", "metrics_token", "oauth", "credentials")


def texts(group: dict[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Each secret text of an account, a store or the page as it was read, with its key."""
    for key in _SECRET_KEYS:
        yield from _texts(group.get(key), (*path, key))


def fault(key: KeyPath, text: str) -> str:
    """What is wrong with the secret under this key, as a sentence; empty when nothing is."""
    name = next((part for part in reversed(key) if isinstance(part, str)), "")
    if not text:
        return ""  # which is told elsewhere
    if "\n" in text.strip("\n") or "\r" in text.strip("\r\n"):
        return "holds a line break; the secret is one line"
    for place, character in enumerate(text, start=1):
        if character != " " and not character.isprintable():
            return f"holds {_what(character)} ({place} of {len(text)} characters); write the secret anew"
    if text != text.strip():
        return "begins or ends with a space; take it away"
    if len(text) > 1 and QUOTES.get(text[0]) == text[-1]:
        return "stands in quotes that are part of it; take them away (env files and secret files need none)"
    if _OF_PEOPLE.search(name):
        return ""
    if " " in text:
        return "holds a space, which a key or token cannot have"
    if not text.isascii():
        place = next(number for number, character in enumerate(text, start=1) if not character.isascii())
        return f"holds a letter that a key or token cannot have ({place} of {len(text)} characters)"
    return ""


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))


def _what(character: str) -> str:
    if character in "\r\n\t":
        return {"\r": "a carriage return", "\n": "a line break", "\t": "a tab"}[character]
    kind = unicodedata.category(character)
    if kind == "Cs":
        return "bytes that are not UTF-8"
    return "an invisible character" if kind in ("Cf", "Zs", "Zl", "Zp") else "a control character"
