"""``status`` for people and for scripts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from connector.admin.status import AccountStatus, Status, StoreStatus, Trouble
from connector.cli import status as command
from connector.cli.status import next_try
from tests.state import NOW

STORE = StoreStatus(
    name="acme", platform="push", account="main", live_from=NOW, read_at=NOW, position=NOW, lag_seconds=0.0,
    waiting_live=0, waiting_history=0, delivered=1, skipped={}, failed=0, prevented=0, last_failure=None,
    notes={}, troubles=[], alarms=[], light="green",
)  # fmt: skip
ACCOUNT = AccountStatus(
    name="main", per_minute=60, per_day=10_000, minute_used=0, day_used=0, day_left=10_000,
    kept_for_live=1000, limits_seen={}, troubles=[],
)  # fmt: skip
LASTING = Trouble(kind="auth", lasting=True, message="refused", since=NOW, until=NOW)
PASSING = msgspec.structs.replace(LASTING, kind="limit", lasting=False)


def a_status(
    light: str = "green", account: list[Trouble] | None = None, program: list[Trouble] | None = None
) -> Status:
    store = msgspec.structs.replace(STORE, light=light)
    return Status(
        at=NOW, stores=[store], accounts=[msgspec.structs.replace(ACCOUNT, troubles=account or [])],
        backfills=[], troubles=program or [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "wrong"),
    [
        (a_status(), False),
        (a_status(account=[PASSING]), False),
        (a_status("yellow"), True),
        (a_status("red"), True),
        (a_status(account=[LASTING]), True),
        (a_status(program=[LASTING]), True),
    ],
)
def test_scripts_are_told_by_the_exit_code(monkeypatch: pytest.MonkeyPatch, now: Status, wrong: bool) -> None:
    monkeypatch.setattr(command, "with_app", lambda config, work, **how: now)
    for options in ([], ["--json"]):
        ended = CliRunner().invoke(command.status, options, obj=Path("x"))
        assert ended.exit_code == 0, "without --check it tells, and judges nothing"
        assert CliRunner().invoke(command.status, [*options, "--check"], obj=Path("x")).exit_code == wrong


def test_a_shop_that_writes_what_it_likes_into_statuses_fills_no_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes = {f"unknown-financial-status:word{number}": number for number in range(1, 3000)}
    notes["unknown-financial-status:" + "x" * 5000] = 5000
    now = msgspec.structs.replace(a_status(), stores=[msgspec.structs.replace(STORE, notes=notes)])
    command.show(now)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("acme: ")]
    assert len(shown) == 6
    assert shown[0].startswith("acme: 5000 orders with note unknown-financial-status:xxx")
    assert shown[1] == "acme: 2999 orders with note unknown-financial-status:word2999"
    assert shown[-1] == "acme: and 2995 more notes; --json lists them all"
    assert max(map(len, shown)) < 150


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "the next try is now"),
        (-5.0, "the next try is now"),
        (37.0, "the next try is at 12:01:07Z, in 37 s"),
        (3600.0, "the next try is at 13:00:30Z, in 1 h 0 min"),
    ],
)
def test_a_pause_says_when_it_ends(seconds: float, words: str) -> None:
    until = NOW + timedelta(seconds=seconds)
    trouble = Trouble(kind="limit", lasting=False, message="429", since=NOW, until=until)
    assert next_try(trouble, NOW) == words
