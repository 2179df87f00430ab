"""How long an answer asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from connector.runtime.http import Reply, refusal

DATE = "Sun, 06 Nov 1994 08:49:00 GMT"


def reply(value: str, date: str = DATE, status: int = 503) -> Reply:
    return Reply(status, httpx.Headers({"retry-after": value, "date": date}), b"", "https://shop.invalid/")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 2.0 ", 2.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("999999999", 86_400.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 37.0),
        ("Sun Nov  6 08:49:37 1994", 37.0),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 37.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 37.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 86_400.0),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1e3", None),
        ("nan", None),
    ],
)
def test_seconds_and_dates(value: str, seconds: float | None) -> None:
    assert reply(value).retry_after() == seconds


def test_without_a_date_of_its_own_our_clock_is_taken() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    wait = reply(until, date="").retry_after()
    assert wait is not None
    assert 35 <= wait <= 41


@pytest.mark.parametrize("status", [429, 503])
def test_a_shop_is_not_left_alone_for_longer_than_a_minute(status: int) -> None:
    assert refusal(reply("600", status=status)).retry_after == 60.0  # type: ignore[union-attr]
    assert refusal(reply("7", status=status)).retry_after == 7.0  # type: ignore[union-attr]
