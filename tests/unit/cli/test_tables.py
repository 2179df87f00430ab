"""Tables of the command line, on terminals of every width."""

from __future__ import annotations

import pytest

from connector.cli.tables import print_table

COLUMNS = ["", "store", "newest change", "delivered", "failed"]
ROWS = [
    ["green", "acme", "2026-06-01 10:00:00Z", "12", "0"],
    ["red", "a-store-with-a-long-name", "-", "3", "1"],
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the captured stdout for a terminal
    monkeypatch.setenv("TERM", "xterm")
    return monkeypatch


def test_a_narrow_terminal_gets_a_line_for_each_cell(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "40")
    print_table("Stores", COLUMNS, ROWS)
    shown = capsys.readouterr().out
    assert shown.splitlines()[:6] == [
        "Stores",
        "               green",
        "store          acme",
        "newest change  2026-06-01 10:00:00Z",
        "delivered      12",
        "failed         0",
    ]
    assert "store          a-store-with-a-long-name" in shown


def test_a_wide_terminal_and_a_pipe_get_a_row_for_each(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setenv("COLUMNS", "90")
    print_table("Stores", COLUMNS, ROWS)
    assert len(capsys.readouterr().out.splitlines()) == 4
    terminal.delenv("FORCE_COLOR")
    terminal.setenv("COLUMNS", "10")  # of the terminal that the pipe does not lead to
    print_table("Stores", COLUMNS, ROWS)
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    "text", [r"\[/x]", "[bold]", "[/]", r"\\[red]", "[link=http://x]y[/link]", ":smile:"]
)
@pytest.mark.parametrize("columns", ["12", "120"])
def test_no_text_of_a_table_is_markup(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, columns: str
) -> None:
    terminal.setenv("COLUMNS", columns)
    print_table(text, ["order", text], [[text, "1"], ["2", text + "\x1b[2J\n"]])
    shown = capsys.readouterr().out
    assert shown.count(text) >= 4
    assert "\\x1b[2J\\n" in shown
    assert "\x1b[2J" not in shown
