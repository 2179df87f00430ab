"""Signed pushes that come twice, byte for byte: the second is answered like the first, and nothing is taken.

Whoever reads a signed push on its way can send it again for as long as its time stamp counts; taken again, it
would set an order back to an older state. A sender's own new try has a time stamp of its own, and is taken.
What was seen is kept in memory, so a restart forgets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

KEPT_SECONDS = 660.0  # a time stamp counts for five minutes on both sides of ours
MOST = 2000  # are kept; only who can sign can fill it

T = TypeVar("T")


class Repeats(Generic[T]):
    """The answers of the last signed pushes, by what was signed."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, asyncio.Future[T]]] = {}

    async def once(self, store: str, digest: str, steady: float, take: Callable[[], Awaitable[T]]) -> T:
        """What ``take`` answers; of a repeat, what it answered the first time. A fault is not kept.

        ``digest`` is empty for what was not signed: that is always taken. ``steady`` is now, in seconds.
        """
        if not digest:
            return await take()
        self._forget(steady)
        key = store, digest
        if key in self._seen:
            return await asyncio.shield(self._seen[key][1])
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._seen[key] = steady, answer
        try:
            found = await take()
        except BaseException as fault:
            self._seen.pop(key, None)
            answer.set_exception(fault if isinstance(fault, Exception) else RuntimeError("it was given up"))
            answer.exception()  # nobody else may be waiting for it
            raise
        answer.set_result(found)
        return found

    def _forget(self, steady: float) -> None:
        while self._seen:
            key = next(iter(self._seen))
            if len(self._seen) < MOST and steady - self._seen[key][0] <= KEPT_SECONDS:
                return
            del self._seen[key]
