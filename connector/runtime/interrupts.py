"""Ctrl-C while modules load: it ends the program at once.

As an exception it could be lost there: Python ignores what is raised in a destructor or in a weak reference's
callback, of which loading has many, libraries catch everything around what they can do without, and the
program would run on as if nobody had spoken. Nothing was begun yet, so nothing needs to be undone. Imports as
little as it can: it is the first that is loaded.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells say it


def end(number: int, frame: FrameType | None) -> None:
    """The word and the exit code, from wherever it is called; nothing is caught, flushed or closed."""
    try:
        os.write(2, b"Interrupted.\n")
    finally:
        os._exit(INTERRUPTED)


class EndsAtOnce:
    """Within it Ctrl-C ends the program, where it would have raised KeyboardInterrupt.

    Whoever handles the signal otherwise (an event loop, a parent that ignores it) goes on to.
    """

    def __enter__(self) -> None:
        self._ours = (
            signal.getsignal(signal.SIGINT) is signal.default_int_handler
            and threading.current_thread() is threading.main_thread()
        )
        if self._ours:
            signal.signal(signal.SIGINT, end)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
