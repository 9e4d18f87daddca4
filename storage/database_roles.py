"""PostgreSQL's roles: what the service's own role is granted, and whether a role could change the audit trail.

The tables belong to another role, their owner, who migrates and restores. The service reads and writes rows, but of the
audit trail it can only read and add. SQLite has no roles: there, whoever has the file can do everything with it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc, func, select, text
from sqlalchemy.engine import Connection

from storage.engine import DatabaseError, display_name, make_engine, parse, reason, translated
from storage.tables import AuditEventRow, Base

_EVERYTHING: Final = "SELECT, INSERT, UPDATE, DELETE"
_GRANTED: Final[Mapping[str, str]] = {AuditEventRow.__tablename__: "SELECT, INSERT", "alembic_version": "SELECT"}
"""What is granted on a table, when it is not everything."""
_MAINTAIN_SINCE: Final = (17,)
"""PostgreSQL's version from which VACUUM can be granted; before, it is its owner's and the server's own."""
_DOCUMENTED: Final = "see docs/operations.md, Roles on PostgreSQL"

_POWERS: Final = text(
    """
    SELECT bool_or(m.rolsuper) AS superuser,
           bool_or(m.oid = c.relowner) AS owner,
           bool_or(m.oid IN (n.nspowner, d.datdba)) AS owner_around,
           bool_or(m.rolcreaterole) AS role_maker,
           bool_or(has_table_privilege(m.oid, c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
                   OR has_any_column_privilege(m.oid, c.oid, 'UPDATE')) AS granted,
           bool_or(has_schema_privilege(m.oid, n.oid, 'CREATE')) AS creates,
           bool_or(has_schema_privilege(m.oid, n.oid, 'USAGE')) AS uses
    FROM pg_roles r
    JOIN pg_roles m ON pg_has_role(r.oid, m.oid, 'MEMBER')
    CROSS JOIN pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN pg_database d
    WHERE r.rolname = :role AND c.oid = to_regclass('audit_events') AND d.datname = current_database()
    """
)
"""What a role can do, by itself or by the roles that it is a member of."""
_WORDS: Final[Mapping[str, str]] = {
    "superuser": "it is a superuser",
    "owner": "it owns the table",
    "owner_around": "it owns the database or its schema",
    "role_maker": "it may make roles",
    "granted": "more than reading and adding is granted to it",
}


def refuse(url: str, role: str) -> None:
    """Raises DatabaseError, one line, when `role` cannot be the service's: before anything is migrated."""
    if parse(url).get_backend_name() == "sqlite":
        raise DatabaseError("SQLite has no roles: --grant-to is for a database of PostgreSQL")
    with _connected(url) as connection, connection.begin():
        found = connection.execute(
            text("SELECT rolsuper, rolname = current_user AS own FROM pg_roles WHERE rolname = :role"), {"role": role}
        ).one_or_none()
    if found is None:
        raise DatabaseError(f"PostgreSQL has no role {role!r}: make it first; {_DOCUMENTED}")
    if found.rolsuper:
        raise DatabaseError(f"the role {role!r} is a superuser, whom nothing can be refused: make one that is not")
    if found.own:
        raise DatabaseError(f"{role!r} is the role that migrates: the service needs another; {_DOCUMENTED}")


def grant(url: str, role: str) -> None:
    """Give `role` what the service needs and take back what more it was given, all of it or nothing.

    `url` is the address of the tables' owner. Raises DatabaseError, also when the role could change the audit trail
    all the same, as a member of its owner's role for instance.
    """
    refuse(url, role)
    try:
        with _connected(url) as connection, connection.begin():
            _grant(connection, role)
            _refuse_too_much(connection, role)
    except exc.DBAPIError as error:
        raise DatabaseError(f"{display_name(parse(url))}: nothing was granted: {reason(error)}") from error


def may_migrate(connection: Connection) -> bool:
    """Whether the connection's role owns what there is and can make more."""
    if connection.dialect.name == "sqlite":
        return True
    owns = text(
        "SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT EXISTS (SELECT FROM pg_class"
        " WHERE oid = to_regclass('audit_events') AND NOT pg_has_role(relowner, 'MEMBER'))"
    )
    return bool(connection.scalar(owns))


def lacking(url: str) -> str | None:
    """What the role of this address needs and has not been granted, in one sentence; None when all is well."""
    if parse(url).get_backend_name() == "sqlite":
        return None
    with _connected(url) as connection:
        role = connection.scalar(select(func.current_user()))
        tables = [name for name in _tables() if not _has(connection, name)]
    if not tables:
        return None
    return f"the role {role!r} may not use {', '.join(tables)}: let the owner run kontakt migrate --grant-to {role}"


def warning(url: str) -> str | None:
    """Why the role of this address could change the audit trail, and what to do, in one sentence; None: it cannot.

    Raises DatabaseError.
    """
    if parse(url).get_backend_name() == "sqlite":
        return None
    with _connected(url) as connection:
        role = str(connection.scalar(select(func.current_user())))
        why = _why_too_much(_powers(connection, role))
    if why is None:
        return None
    return (
        f"the role {role!r} could change the audit trail ({why}): make one for the service alone, and let the owner"
        f" run kontakt migrate --grant-to with its name; {_DOCUMENTED}"
    )


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = make_engine(parse(url))
    try:
        with translated(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _tables() -> list[str]:
    return [*(table.name for table in Base.metadata.sorted_tables), "alembic_version"]


def _rights(table: str) -> str:
    return _GRANTED.get(table, _EVERYTHING)


def _has(connection: Connection, table: str) -> bool:
    """Whether the connection's role may do with a table all that the service does."""
    asked = (func.has_table_privilege(func.to_regclass(table), right) for right in _rights(table).split(", "))
    return all(connection.execute(select(*asked)).one())


def _grant(connection: Connection, role: str) -> None:
    prepare = connection.dialect.identifier_preparer.quote_identifier
    to = prepare(role)
    schema = prepare(str(connection.scalar(select(func.current_schema()))))
    statements = [f"REVOKE CREATE ON SCHEMA {schema} FROM {to}", f"GRANT USAGE ON SCHEMA {schema} TO {to}"]
    for table in _tables():
        statements.append(f"REVOKE ALL ON TABLE {table} FROM {to}")
        statements.append(f"GRANT {_rights(table)} ON TABLE {table} TO {to}")
        if table not in _GRANTED and (connection.dialect.server_version_info or ()) >= _MAINTAIN_SINCE:
            statements.append(f"GRANT MAINTAIN ON TABLE {table} TO {to}")
    for sequence in _sequences(connection):
        statements.append(f"REVOKE ALL ON SEQUENCE {sequence} FROM {to}")
        statements.append(f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {to}")
    for statement in statements:
        connection.exec_driver_sql(statement)


def _sequences(connection: Connection) -> Iterator[str]:
    """What PostgreSQL numbers new rows with, quoted where that is needed."""
    for table in Base.metadata.sorted_tables:
        if table.autoincrement_column is not None:
            named = func.pg_get_serial_sequence(table.name, table.autoincrement_column.name)
            sequence = connection.scalar(select(named))
            if sequence is not None:
                yield sequence


def _powers(connection: Connection, role: str) -> Mapping[str, bool]:
    found = connection.execute(_POWERS, {"role": role}).mappings().one_or_none()
    return {} if found is None else dict(found)


def _why_too_much(powers: Mapping[str, bool]) -> str | None:
    return next((words for power, words in _WORDS.items() if powers.get(power)), None)


def _refuse_too_much(connection: Connection, role: str) -> None:
    powers = _powers(connection, role)
    why = _why_too_much(powers)
    if why is not None:
        raise DatabaseError(f"{role!r}, or a role that it is a member of, could change the audit trail: {why}")
    if powers.get("creates"):
        raise DatabaseError(
            f"{role!r} may make tables in the schema, as everybody may there:"
            " let the schema's owner run REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )
    if not powers.get("uses"):
        raise DatabaseError(f"{role!r} may not use the schema: let the schema's owner grant it USAGE")
