"""What is printed for people: nothing that comes from outside can move the cursor, colour, hide or turn text.

Orders, shops and files may hold escape sequences. Every text that goes to stdout or stderr becomes visible on
its way; what we ourselves colour and draw goes round that, by ``styled``.
"""

from __future__ import annotations

import io
import unicodedata
from typing import Any, TextIO, cast

_JOINERS = "\u200c\u200d"  # of Persian, Hindi and emoji: invisible, and harmless
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def visible(text: str, keep: str = "\n\t") -> str:
    """The text with control characters and invisible ones, but for ``keep``, as they are written in code."""
    if text.isprintable():
        return text
    return "".join(_visible(one) if one not in keep else one for one in text)


def one_line(text: str) -> str:
    """The text without a line break either."""
    return visible(text, keep="")


class PlainText(io.TextIOWrapper):
    """A stream on which everything is visible."""

    def write(self, text: str) -> int:
        super().write(visible(text))
        return len(text)

    def write_styled(self, text: str) -> int:
        """Write what is made of escape sequences of our own."""
        return super().write(text)


class _Styled:
    """A ``PlainText`` for whoever draws on it; everything but ``write`` is the stream's own."""

    def __init__(self, stream: PlainText) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write_styled(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def styled(stream: TextIO) -> TextIO:
    """The stream for what we colour and draw ourselves; its texts must have been made visible before."""
    return cast(TextIO, _Styled(stream)) if isinstance(stream, PlainText) else stream


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    hidden = unicodedata.category(character) in _HIDDEN
    return repr(character)[1:-1] if hidden else character
