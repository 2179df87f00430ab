"""What ends a unit of work becomes a trouble with its sentence, whatever it is, and no data in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.model.errors import AuthError, StateError, Unavailable
from connector.model.states import BreakerKind, BreakerScope
from connector.state import breakers
from tests.state import State, open_state

BACKFILL = BreakerScope.BACKFILL


@pytest.fixture
def state(database_url: str) -> Iterator[State]:
    with open_state(database_url) as state:
        yield state


def fault(state: State, error: Exception, *, progress: bool = False) -> breakers.Pause:
    clock = state.clock
    return state.do(
        breakers.fault, BACKFILL, "acme", error, now=clock.now(), steady=clock.steady(), progress=progress
    )


def unforeseen() -> Exception:
    try:
        return {"ann@shop.example": 1}["bob@shop.example"] and ValueError()  # type: ignore[return-value]
    except KeyError as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (AuthError("the shop refuses the key"), BreakerKind.AUTH, "the shop refuses the key"),
        (Unavailable("no answer"), BreakerKind.FAULT, "no answer"),
        (StateError("the disk is full"), BreakerKind.FAULT, "the disk is full"),
        (unforeseen(), BreakerKind.INTERNAL, "internal fault (KeyError at test_breakers.py:"),
        (RecursionError(), BreakerKind.INTERNAL, "internal fault (RecursionError at ?); please report it"),
    ],
)
def test_every_exception_has_a_kind_and_a_sentence(
    state: State, error: Exception, kind: BreakerKind, said: str
) -> None:
    pause = fault(state, error)
    assert pause.kind is kind
    assert pause.message.startswith(f"reading the shop's past: {said}")
    assert "shop.example" not in pause.message
    assert state.do(breakers.get, BACKFILL, "acme") == pause
    assert pause.lasts is (kind is not BreakerKind.FAULT)


def test_faults_of_two_kinds_in_turns_are_failures_in_a_row(state: State) -> None:
    strikes = []
    for error in (Unavailable("no answer"), unforeseen(), Unavailable("no answer")):
        pause = fault(state, error)
        strikes.append(pause.strikes)
        state.clock.forward(max(0.0, pause.until - state.clock.steady()) + 1)
    assert strikes == [1, 2, 3]


def test_a_fault_after_progress_is_the_first_in_a_row(state: State) -> None:
    for _ in range(4):
        pause = fault(state, Unavailable("no answer"), progress=True)
        assert (pause.strikes, pause.rests(state.clock.steady())) == (1, False)
