"""Tables on stdout."""

from __future__ import annotations

import sys

import click

from connector.runtime.terminal import one_line, styled

GAP = 2  # between two columns
WORD = 20  # letters; a longer word may be broken


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout, plain when it is no terminal; where it is too narrow, a line for each cell.

    No text in it is markup, whoever wrote it.
    """
    # rich costs 5 MB, which `backfill --json` and the daemon have no use for.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [[one_line(cell) for cell in row] for row in rows]
    console = Console(file=styled(sys.stdout))
    if not console.is_terminal:
        console = Console(file=styled(sys.stdout), width=200)
    if console.width < _least_width(columns, rows):
        _print_lines(title, columns, rows)
        return
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def print_heading(text: str) -> None:
    """A line that stands out on a terminal."""
    click.echo(click.style(one_line(text), bold=True), file=styled(sys.stdout))


def _least_width(columns: list[str], rows: list[list[str]]) -> int:
    """The letters across that a table needs, so that no word must be broken."""
    longest = [
        max(len(word) for cell in column for word in cell.split() or [""])
        for column in zip(columns, *rows, strict=True)
    ]
    return sum(min(length, WORD) for length in longest) + GAP * (len(columns) - 1)


def _print_lines(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Each row as lines of a column's name and the cell, with an empty line after it."""
    if title:
        print_heading(title)
    width = max(len(column) for column in columns)
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            if cell:
                click.echo(f"{column:<{width}}{' ' * GAP}{cell}")
        click.echo()
