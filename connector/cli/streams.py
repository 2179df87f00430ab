"""stdin, stdout and stderr as whoever started the program left them, made good to use."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from connector.runtime.terminal import PlainText


def open_streams() -> None:
    """Let a stream that our caller has closed lead nowhere, one that is not UTF-8 take every letter, and none
    what could be markup to a terminal.

    Else the first file or socket that we open would become stdin, stdout or stderr.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor < 3:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = _plain(sys.stdout or os.fdopen(1, "w", encoding="utf-8"))
    sys.stderr = _plain(sys.stderr or os.fdopen(2, "w", encoding="utf-8"))


def forget_the_rest() -> None:
    """Python would write what is left of stdout at the end, and fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _plain(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, buffered = stream.encoding, stream.line_buffering
    return PlainText(stream.detach(), encoding, "backslashreplace", line_buffering=buffered)
