"""Tables on stdout."""

from __future__ import annotations


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout, plain when it is no terminal."""
    # rich costs 5 MB, which `backfill --json` and the daemon have no use for.
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[cell.replace("[", r"\[") for cell in row])
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
