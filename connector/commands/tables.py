"""Tables on stdout. Apart from the frame, because rich costs the daemon memory that it has no use for."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout, plain when it is no terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[cell.replace("[", r"\[") for cell in row])
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
