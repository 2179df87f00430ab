"""What comes in together is committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from connector.model.errors import StateError
from connector.state.group_commit import GroupCommit


class Commits:
    """A database that answers once it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.free = asyncio.Event()

    async def commit(self, items: Sequence[str]) -> list[str]:
        self.groups.append(list(items))
        await self.free.wait()
        if "bad" in items:
            raise ValueError("bad")
        if "full" in items:
            raise StateError("the disk is full")
        return [item.upper() for item in items]


def grouped(commits: Commits, most: int | None = None, seconds: float = 5.0) -> GroupCommit[str, str]:
    return GroupCommit(commits.commit, seconds=seconds, most=most, late="too late")


async def test_what_comes_while_a_transaction_runs_shares_the_next_one() -> None:
    commits = Commits()
    group = grouped(commits)
    first = asyncio.ensure_future(group.add("a"))
    while not commits.groups:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(group.add(one)) for one in "bcd"]
    await asyncio.sleep(0)
    commits.free.set()
    assert await asyncio.gather(first, *others) == ["A", "B", "C", "D"]
    assert commits.groups == [["a"], ["b", "c", "d"]]


async def test_a_group_weighs_no_more_than_it_may_but_one_item_always_goes() -> None:
    commits = Commits()
    commits.free.set()
    group = grouped(commits, most=5)
    await asyncio.gather(group.add("a", 3), group.add("b", 3), group.add("c", 2), group.add("d", 9))
    assert commits.groups == [["a"], ["b", "c"], ["d"]]


async def test_a_fault_of_one_is_not_the_others_but_a_full_disk_is_everybodys() -> None:
    commits = Commits()
    commits.free.set()
    group = grouped(commits)
    answers = await asyncio.gather(*(group.add(one) for one in ("a", "bad", "c")), return_exceptions=True)
    assert (answers[0], str(answers[1]), answers[2]) == ("A", "bad", "C")
    commits.groups.clear()
    answers = await asyncio.gather(*(group.add(one) for one in ("a", "full")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StateError, StateError]
    assert len(commits.groups) == 1


async def test_who_waits_too_long_is_told_and_what_it_brought_may_still_be_taken() -> None:
    commits = Commits()
    group = grouped(commits, seconds=0.01)
    with pytest.raises(StateError, match="too late"):
        await group.add("a")
    commits.free.set()
    assert await group.add("b") == "B"
    assert commits.groups == [["a"], ["b"]]
