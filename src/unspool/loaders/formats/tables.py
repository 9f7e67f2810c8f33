"""Databases and columns on disk, as lines of CSV."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from .found import Text, Unreadable, whole

_WAL_MODE, _ROLLBACK_MODE = b"\2\2", b"\1\1"
_PLAIN_TABLES = (
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
    " ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
)


def line(cells: Iterable[Any]) -> str:
    """One line of CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(map(_shown, cells))
    return out.getvalue()


def _shown(value: Any) -> Any:
    return f"<{len(value):,} bytes>" if isinstance(value, bytes) else value


def sqlite(file: BinaryIO, name: str) -> Iterator[Text]:
    """Each table of a database, under its name. Nothing is written, no view is run."""
    data = bytearray(whole(file))
    if data[18:20] == _WAL_MODE:  # a copy in memory can have no log beside it
        data[18:20] = _ROLLBACK_MODE
    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(bytes(data))
        del data
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
            database.execute(f"PRAGMA {pragma}")
        for table, made in database.execute(_PLAIN_TABLES).fetchall():
            yield _table(database, table, made)
    except sqlite3.Error as broken:
        raise Unreadable(f"the database is damaged ({broken})") from broken
    finally:
        database.close()


def _table(database: sqlite3.Connection, table: str, made: str) -> Text:
    quoted = table.replace('"', '""')
    rows = database.execute(f'SELECT * FROM "{quoted}"')
    columns = [one[0] for one in rows.description]
    out, count = io.StringIO(), 0
    out.write(line(columns))
    for row in rows:
        out.write(line(row))
        count += 1
    return Text(table, out.getvalue(), {"rows": count, "columns": columns, "sql": made})


def parquet(file: BinaryIO, name: str) -> Iterator[Text]:
    """All rows, under a line with the names of the columns."""
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(file)
    columns = list(table.schema_arrow.names)
    out, count = io.StringIO(), 0
    out.write(line(columns))
    for batch in table.iter_batches(batch_size=4_096, use_threads=False):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        for row in rows:
            out.write(line(row))
        count += batch.num_rows
    yield Text("", out.getvalue(), {"rows": count, "columns": columns})
