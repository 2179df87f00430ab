"""Group commit: what comes in while a transaction runs shares the next one; a burst is few transactions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from connector.model.errors import StateError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass
class _Waiting(Generic[Item, Answer]):
    """One caller's item, how much it weighs, and its answer to come."""

    item: Item
    weight: int
    answer: asyncio.Future[Answer]


class GroupCommit(Generic[Item, Answer]):
    """``commit`` takes items into one transaction and returns an answer for each, in their order.

    A group weighs at most ``most``. A fault of ours with one item is not shared by the others: they are
    tried one by one; a StateError (the database takes nothing) is everybody's at once. Whoever waits longer
    than ``seconds`` gets a StateError; what it brought may still be taken.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        seconds: float,
        most: int | None = None,
        late: str = "the database did not answer in time",
    ) -> None:
        self._commit = commit
        self._seconds = seconds
        self._most = most
        self._late = late
        self._line: deque[_Waiting[Item, Answer]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def add(self, item: Item, weight: int = 1) -> Answer:
        """The answer once it is committed. Raises what ``commit`` does, and StateError when late."""
        waiting: _Waiting[Item, Answer] = _Waiting(item, weight, asyncio.get_running_loop().create_future())
        self._line.append(waiting)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        try:
            return await asyncio.wait_for(waiting.answer, self._seconds)
        except TimeoutError:
            raise StateError(self._late) from None

    async def _work(self) -> None:
        try:
            while self._line:
                await self._settle(self._group())
        finally:
            self._working = None

    def _group(self) -> list[_Waiting[Item, Answer]]:
        """The next items that fit into one transaction; at least one."""
        group = [self._line.popleft()]
        weight = group[0].weight
        while self._line and (self._most is None or weight + self._line[0].weight <= self._most):
            weight += self._line[0].weight
            group.append(self._line.popleft())
        return group

    async def _settle(self, group: Sequence[_Waiting[Item, Answer]]) -> None:
        try:
            answers = await self._commit([one.item for one in group])
        except Exception as fault:
            if len(group) > 1 and not isinstance(fault, StateError):
                for one in group:
                    await self._settle([one])
                return
            for one in group:
                if not one.answer.done():  # whoever asked may have gone
                    one.answer.set_exception(fault)
            return
        for one, answer in zip(group, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
