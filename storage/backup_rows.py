"""The lines of a backup: every row of every table as JSON, and how they get into a database again.

First a header; then for each table its name and columns, and its rows; at the end how many rows there were, with a
digest. Both databases give and take the same lines. The tables are those of `tables`, or of the older revision that the
lines are of. Which database, which transaction and what is checked after it are decided in `backup`.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Column, MetaData, Table, insert, select
from sqlalchemy.engine import Connection

from storage.backup_file import BackupError
from storage.baton_rows import name_of
from storage.tables import Base

ROWS_AT_ONCE: Final = 500
SHORT_LIVED: Final = ("staff_sessions", "invitations", "transfers")
"""Not put back: what was signed out or used since the backup would be open again."""
_NAMED_BY: Final[Mapping[str, Mapping[str, Callable[[str], str]]]] = {
    "submissions": {"reference": str, "draft_token": str},
    "drafts": {"token": str},
    "batons": {"token": name_of},
}
"""Table -> columns whose values may have a tombstone, and the name that it is of."""


@dataclass(frozen=True)
class Header:
    """`lookup`: a fingerprint that only the same lookup key gives."""

    revision: str
    made_at: datetime
    lookup: str


@dataclass
class Tally:
    """How many lines, and a digest of them all in any order: databases sort texts differently."""

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(line).digest())) % 2**256

    @property
    def digest(self) -> str:
        return f"{self.total:064x}"


@dataclass
class Loaded:
    """By table: what the file says it holds, what was read from it, what was put in, and how many rows were purged."""

    said: dict[str, tuple[int, str]] = field(default_factory=dict)
    read: dict[str, Tally] = field(default_factory=dict)
    put_in: dict[str, Tally] = field(default_factory=dict)
    purged: dict[str, int] = field(default_factory=dict)


def dump(connection: Connection, header: Header, tallies: dict[str, Tally]) -> Iterator[bytes]:
    """All lines of a database. `connection` sees one moment's state; `tallies` is filled on the way."""
    yield _json({"revision": header.revision, "made_at": header.made_at.isoformat(), "lookup": header.lookup})
    for table in Base.metadata.sorted_tables:
        yield _json({"table": table.name, "columns": table.columns.keys()})
        tally = tallies[table.name] = Tally()
        for line in lines_of(connection, table):
            tally.add(line)
            yield line
    yield _json({"tables": {name: [tally.rows, tally.digest] for name, tally in tallies.items()}})


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """The rows of one table, a few at a time from the database."""
    for row in connection.execute(select(table).execution_options(yield_per=ROWS_AT_ONCE)):
        yield _json(list(row))


def read_header(lines: Iterator[bytes]) -> Header:
    """The first of the lines."""
    values = json.loads(next(lines))
    return Header(values["revision"], datetime.fromisoformat(values["made_at"]), values["lookup"])


def load(connection: Connection, lines: Iterator[bytes], is_purged: Callable[[str], bool]) -> Loaded:
    """Put the rows into empty tables of the revision that they are of, but for those that must not come back.

    A row goes with what is purged when it has a name of it, or belongs to a row that has. Raises BackupError, and what
    the database raises for rows that it does not take; the caller rolls back.
    """
    loaded, schema = Loaded(), MetaData()
    schema.reflect(connection)
    tables = {table.name: table for table in schema.sorted_tables if table.name != "alembic_version"}
    loaded.put_in = {name: Tally() for name in tables}
    gone: set[tuple[Column[Any], Any]] = set()
    batch: _Batch | None = None
    for line in lines:
        if line.startswith(b"["):
            assert batch is not None
            loaded.read[batch.table.name].add(line)
            batch.add(line, is_purged, gone)
            continue
        if batch is not None:
            batch.finish()
            loaded.purged[batch.table.name] = batch.purged
        values = json.loads(line)
        if "tables" in values:
            loaded.said = {name: (rows, digest) for name, (rows, digest) in values["tables"].items()}
            break
        table = tables.get(values["table"])
        if table is None or set(values["columns"]) != set(table.columns.keys()):
            raise BackupError(f"the table {values['table']} of the backup is not of the revision that it names")
        loaded.read[table.name] = Tally()
        batch = _Batch(connection, table, values["columns"], loaded.put_in[table.name])
    for _ in lines:
        raise BackupError("the backup goes on after its end")
    _compare(connection, tables, loaded)
    return loaded


def _compare(connection: Connection, tables: Mapping[str, Table], loaded: Loaded) -> None:
    """The file against what it says of itself, and what is in the database now against what was to be put in."""
    read = {name: (tally.rows, tally.digest) for name, tally in loaded.read.items()}
    if read != loaded.said or read.keys() != tables.keys():
        raise BackupError("the rows in the backup are not those that it says it holds")
    for name, table in tables.items():
        found = Tally()
        for line in lines_of(connection, table):
            found.add(line)
        if found != loaded.put_in[name]:
            raise BackupError(f"the rows of {name} in the database are not those of the backup")


class _Batch:
    """The rows of one table on their way in, some hundreds at a time."""

    def __init__(self, connection: Connection, table: Table, columns: list[str], tally: Tally) -> None:
        self.table, self.purged = table, 0
        self._connection, self._tally = connection, tally
        self._columns = [table.columns[name] for name in columns]
        self._order = [columns.index(name) for name in table.columns.keys()]  # noqa: SIM118 (a collection of columns)
        named = _NAMED_BY.get(table.name, {}).items()
        self._named = [(table.columns[name], named_as) for name, named_as in named if name in table.columns]
        self._belongs = [(key.parent, key.column) for key in table.foreign_keys]
        self._naive = connection.dialect.name == "sqlite"
        self._rows: list[dict[str, Any]] = []

    def add(self, line: bytes, is_purged: Callable[[str], bool], gone: set[tuple[Column[Any], Any]]) -> None:
        row = dict(zip(self._columns, json.loads(line, object_hook=_value), strict=True))
        if any(is_purged(named_as(row[column])) for column, named_as in self._named) or any(
            (parent, row[column]) in gone for column, parent in self._belongs
        ):
            gone |= {(column, row[column]) for column in self.table.primary_key.columns}
            self.purged += 1
            return
        if self.table.name in SHORT_LIVED:
            return
        self._tally.add(_json([row[self._columns[place]] for place in self._order]))
        self._rows.append({column.name: self._stored(value) for column, value in row.items()})
        if len(self._rows) >= ROWS_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        if self._rows:
            self._connection.execute(insert(self.table), self._rows)
            self._rows = []

    def _stored(self, value: Any) -> Any:
        return value.replace(tzinfo=None) if self._naive and isinstance(value, datetime) else value


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), default=_plain).encode("ascii")


def _plain(value: object) -> dict[str, str]:
    """What JSON has no word for; every column is a text, a number, yes or no, or one of these."""
    if isinstance(value, bytes | memoryview):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return {"time": utc.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    raise TypeError(f"a backup cannot hold a {type(value).__name__}")


def _value(found: dict[str, str]) -> Any:
    ((kind, text),) = found.items()
    if kind == "bytes":
        return base64.b64decode(text)
    return datetime.fromisoformat(text) if kind == "time" else date.fromisoformat(text)
