"""One statement for many rows: the orders of a page, the answers of a turn.

Past SQLAlchemy's own ``executemany``, which builds each row's parameters anew: that was a quarter of what
storing and delivering an order took. The statement is compiled by SQLAlchemy, once; only a row's values are
put in their places here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Delete,
    Dialect,
    Insert,
    Table,
    TypeDecorator,
    Update,
    bindparam,
    delete,
    insert,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.schema import ScalarElementColumnDefault


class Prepared(msgspec.Struct, frozen=True):
    """A statement as the driver takes it. ``names`` are its parameters in their order.

    ``constants`` are the values that no row gives: of the statement's own, and columns' defaults.
    ``conversions`` are of our own column types, by place; the drivers take all other values as they are.
    """

    text: str
    positional: bool
    names: tuple[str, ...]
    constants: dict[str, Any]
    conversions: tuple[tuple[int, Callable[[Any], Any]], ...]

    def parameters(self, row: dict[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """The row's values as the driver takes them."""
        given = self.constants | row if self.constants else row
        values = [given[name] for name in self.names]
        for place, convert in self.conversions:
            values[place] = convert(values[place])
        return tuple(values) if self.positional else dict(zip(self.names, values, strict=True))


def run(connection: Connection, statement: Insert | Update | Delete, rows: Sequence[dict[str, Any]]) -> None:
    """Run the statement once for each row; all rows have the same keys, its parameters.

    It should be built once, for it is compiled once. Raises KeyError for a parameter that a row lacks, and
    TypeError for a value that has no parameter and for a default that is not a plain value.
    """
    if rows:
        prepared = _prepared(statement, connection.dialect, tuple(rows[0]))
        connection.exec_driver_sql(prepared.text, [prepared.parameters(row) for row in rows])


def replace(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], older: Iterable[tuple[str, str]]
) -> None:
    """Store an order's one row each, for tables with the key (store, ref).

    ``older`` are the (store, ref) that may have a row, which goes, whether or not a new one comes.
    """
    run(connection, _drop(table), [{"its_store": store, "its_ref": ref} for store, ref in older])
    run(connection, _insert(table), rows)


_insert = cache(insert)


@cache
def _drop(table: Table) -> Delete:
    return delete(table).where(table.c.store == bindparam("its_store"), table.c.ref == bindparam("its_ref"))


@lru_cache(maxsize=128)
def _prepared(statement: Insert | Update | Delete, dialect: Dialect, keys: tuple[str, ...]) -> Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    assert isinstance(compiled, SQLCompiler)
    types = {name: parameter.type for parameter, name in compiled.bind_names.items()}
    names = tuple(compiled.positiontup or types)
    if unknown := set(keys).difference(names):
        raise TypeError(f"no parameters of the statement: {', '.join(sorted(unknown))}")
    defaults = {column.key: _plain(column) for column in compiled.insert_prefetch}
    own = {name: value for name, value in compiled.params.items() if name not in keys}
    return Prepared(
        text=compiled.string,
        positional=bool(compiled.positional),
        names=names,
        constants=own | defaults,
        conversions=tuple(
            (place, convert)
            for place, one in enumerate(types[name] for name in names)
            if isinstance(one, TypeDecorator) and (convert := one.bind_processor(dialect)) is not None
        ),
    )


def _plain(column: Column[Any]) -> Any:
    if not isinstance(column.default, ScalarElementColumnDefault):
        raise TypeError(f"the default of {column} is not a plain value")
    return column.default.arg
