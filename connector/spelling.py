"""The nearest known word, for messages about a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean "poll"?``, or the known words when none is near, or nothing when there are none."""
    words = sorted(known)
    near = get_close_matches(word.lower(), [each.lower() for each in words], n=1, cutoff=0.6)
    if near:
        found = next(each for each in words if each.lower() == near[0])
        return f'did you mean "{found}"?'
    if not words:
        return ""
    rest = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return f"known: {', '.join(words[:LISTED])}{rest}"
