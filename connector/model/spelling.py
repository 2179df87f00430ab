"""The nearest known word, for messages about a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known word that is most like this one, whatever the case; empty when none is near.

    ``cutoff`` is how like it must be, from 0 to 1.
    """
    words = {each.lower(): each for each in sorted(known, reverse=True)}
    near = get_close_matches(word.lower(), sorted(words), n=1, cutoff=cutoff)
    return words[near[0]] if near else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean "poll"?``, or the known words when none is near, or nothing when there are none."""
    words = sorted(known)
    if near := nearest(word, words):
        return f'did you mean "{near}"?'
    if not words:
        return ""
    rest = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return f"known: {', '.join(words[:LISTED])}{rest}"
