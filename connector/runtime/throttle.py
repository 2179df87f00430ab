"""How often the log says the same: what strangers or a broken disk set off by the thousand is one line."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

SECONDS = 60.0  # between two lines about the same
MOST_KEPT = 1000  # things that are remembered


class Throttle:
    """Lets one line about each thing through in ``SECONDS``, and counts what it holds back."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def due(self, thing: str, steady: float) -> int | None:
        """None while a line about it is too much; else how many were held back since the last one.

        ``steady`` are the steady clock's seconds.
        """
        at, held = self._last.get(thing, (None, 0))
        if at is not None and steady - at < SECONDS:
            self._last[thing] = (at, held + 1)
            return None
        self._last[thing] = (steady, 0)
        self._last.move_to_end(thing)
        if len(self._last) > MOST_KEPT:
            self._last.popitem(last=False)
        return held


class ThrottleFilter(logging.Filter):
    """The same for a library's logger: records that begin alike are one a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = Throttle()

    def filter(self, record: logging.LogRecord) -> bool:
        begins = str(record.msg).partition("\n")[0][:80]
        held = self._throttle.due(f"{record.name} {begins}", time.monotonic())
        if held:
            record.msg = f"{record.msg} ({held} more like it)"
        return held is not None
