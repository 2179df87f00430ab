"""Nothing that comes from outside is markup to a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.runtime.terminal import PlainText, one_line, styled, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1001", "1001"),
        ("Zürich → Łódź 鍵 👩‍🚀", "Zürich → Łódź 鍵 👩‍🚀"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\x1b]8;;http://x\x07b", "a\\x1b]8;;http://x\\x07b"),
        ("a\x9b31mb", "a\\x9b31mb"),
        ("a\rb", "a\\rb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\udcffb", "a\\udcffb"),
        ("a\xa0b", "a\xa0b"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_what_could_move_or_hide_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_cell_is_one_line() -> None:
    assert one_line("a\nb\tc") == "a\\nb\\tc"


@given(st.text(st.characters(exclude_categories=[])))
def test_a_plain_stream_shows_no_control_character_whatever_is_written(text: str) -> None:
    raw = io.BytesIO()
    stream = PlainText(raw, "utf-8", "backslashreplace", newline="")
    stream.write(text)
    stream.flush()
    shown = raw.getvalue().decode()
    assert not [one for one in shown if ord(one) < 32 and one not in "\n\t"]
    assert "\x7f" not in shown
    assert "\x9b" not in shown


def test_what_we_draw_ourselves_goes_round_it() -> None:
    raw = io.BytesIO()
    stream = PlainText(raw, "utf-8")
    styled(stream).write("\x1b[1mbold\x1b[0m")
    stream.write(" \x1b[1m")
    stream.flush()
    assert raw.getvalue() == b"\x1b[1mbold\x1b[0m \\x1b[1m"
