"""The service's own role on PostgreSQL: what it is granted, what it cannot do, and who cannot be it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import Engine, create_engine, exc, text
from sqlalchemy.engine import make_url

from reliability.postgresql import PostgreSQL
from storage import audit, retention_traces, reviewers
from storage.database import REVISION, Database, DatabaseError, migrate
from storage.database_roles import grant, lacking, refuse, warning
from storage.encryption import Keyring
from storage.engine import parse
from storage.tables import Base

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NUMBERS = count(1)
ODD = 'Kont"akt %s :x; drop'


@pytest.fixture
def owner_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A migrated database whose owner is no superuser."""
    owner = f"owner_{next(NUMBERS)}"
    postgresql.execute(f"CREATE ROLE {owner} LOGIN")
    url = postgresql.new_url()
    name = make_url(url).database
    postgresql.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
    owned = as_role(url, owner)
    migrate(owned)
    yield owned
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def role(postgresql: PostgreSQL) -> str:
    made = f"service_{next(NUMBERS)}"
    postgresql.execute(f"CREATE ROLE {made} LOGIN")
    return made


@pytest.fixture
def service_url(owner_url: str, role: str) -> str:
    grant(owner_url, role)
    return as_role(owner_url, role)


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def fill(url: str, keyring: Keyring) -> None:
    with closing(Database(url, keyring)) as database:
        reviewers.add(database, "anna", "Anna", "hash", "reviewer", actor="cli:root", at=NOON)


def engine_of(url: str) -> Engine:
    return create_engine(parse(url))


FORBIDDEN = [
    "UPDATE audit_events SET actor = 'bo'",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "DROP TRIGGER audit_events_refuse_change ON audit_events",
    "ALTER TABLE audit_events DISABLE TRIGGER ALL",
    "ALTER TABLE audit_events DISABLE TRIGGER audit_events_refuse_truncate",
    "ALTER TABLE audit_events RENAME TO elsewhere",
    "DROP TABLE audit_events",
    "DROP TABLE audit_events CASCADE",
    "DROP FUNCTION refuse_to_change_audit_events() CASCADE",
    "CREATE OR REPLACE FUNCTION refuse_to_change_audit_events() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER mine BEFORE INSERT ON audit_events EXECUTE FUNCTION refuse_to_change_audit_events()",
    "CREATE RULE mine AS ON INSERT TO audit_events DO INSTEAD NOTHING",
    "LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE",
    "SELECT number FROM audit_events FOR UPDATE",
    "SET session_replication_role = replica",
    "CREATE TABLE mine (id integer)",
    "CREATE SCHEMA mine",
    "TRUNCATE submissions",
    "DROP TABLE submissions",
    "UPDATE alembic_version SET version_num = '0001'",
    "DELETE FROM alembic_version",
    "CREATE ROLE mine",
]


def test_the_service_changes_nothing_of_the_trail_and_makes_nothing(service_url: str, keyring: Keyring) -> None:
    fill(service_url, keyring)
    engine = engine_of(service_url)
    for statement in FORBIDDEN:
        with pytest.raises(exc.ProgrammingError) as caught, engine.begin() as connection:
            connection.execute(text(statement))
        assert getattr(caught.value.orig, "sqlstate", None) == "42501", statement
    engine.dispose()
    with closing(Database(service_url, keyring)) as database:
        assert audit.verify(database) == []
        assert [event.event for event in audit.trail(database, "anna")] == ["reviewer.added"]


def test_the_service_has_what_it_needs(service_url: str, keyring: Keyring, role: str) -> None:
    """Every row of every table, and its numbers; the trail, to read and to add to."""
    engine = engine_of(service_url)
    expected = dict.fromkeys(Base.metadata.tables, "arwdm") | {"audit_events": "ar", "alembic_version": "r"}
    with engine.connect() as connection:
        newest = connection.dialect.server_version_info
        assert newest is not None and newest >= (17,)
        for table, letters in expected.items():
            acl = text("SELECT acl FROM unnest((SELECT relacl FROM pg_class WHERE oid = to_regclass(:t))) AS acl")
            granted = [one for one in map(str, connection.scalars(acl, {"t": table})) if one.startswith(f"{role}=")]
            assert granted == [f"{role}={letters}/{granted[0].partition('/')[2]}"], table
    engine.dispose()
    with closing(Database(service_url, keyring)) as database:
        assert lacking(service_url) is None
        assert retention_traces.sweep(database, thorough=True) is False
        vacuumed = "SELECT relname FROM pg_stat_user_tables WHERE vacuum_count > 0"
        with database.reading() as session:
            session.execute(text("SELECT pg_stat_force_next_flush()"))
            assert set(session.scalars(text(vacuumed))) == set(Base.metadata.tables) - {"audit_events"}
    assert warning(service_url) is None


def test_granting_again_changes_nothing_and_takes_back_what_was_too_much(owner_url: str, role: str) -> None:
    engine = engine_of(owner_url)

    def rights() -> set[str]:
        with engine.connect() as connection:
            asked = (
                "SELECT relname || coalesce(relacl::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            )
            return set(connection.scalars(text(asked)))

    grant(owner_url, role)
    first = rights()
    grant(owner_url, role)
    assert rights() == first
    for more in ("UPDATE, DELETE ON audit_events", "UPDATE (actor) ON audit_events", "ALL ON alembic_version"):
        with engine.begin() as connection:
            connection.execute(text(f"GRANT {more} TO {role}"))
        grant(owner_url, role)
        assert rights() == first, more
    engine.dispose()


def test_an_odd_name_is_quoted(owner_url: str, postgresql: PostgreSQL) -> None:
    quoted = '"' + ODD.replace('"', '""') + '"'
    postgresql.execute(f"CREATE ROLE {quoted} LOGIN")
    grant(owner_url, ODD)
    engine = engine_of(as_role(owner_url, ODD))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM submissions")).scalar() == 0
    engine.dispose()
    postgresql.execute(f"DROP OWNED BY {quoted}", by_superuser(postgresql, owner_url))
    postgresql.execute(f"DROP ROLE {quoted}")


def by_superuser(postgresql: PostgreSQL, url: str) -> str:
    return postgresql.address(str(make_url(url).database))


REFUSALS = {
    "unknown": ("", "PostgreSQL has no role 'nobody-of-that-name'"),
    "superuser": ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
    "member of the owner": ("GRANT {owner} TO {role}", "it owns the table"),
    "member of the owner, not inheriting": ("GRANT {owner} TO {role} WITH INHERIT FALSE", "it owns the table"),
    "owner of the schema": ("ALTER SCHEMA public OWNER TO {role}", "it owns the database or its schema"),
    "maker of roles": ("ALTER ROLE {role} CREATEROLE", "it may make roles"),
    "writes everywhere": ("GRANT pg_write_all_data TO {role}", "more than reading and adding is granted to it"),
    "as everybody": ("GRANT UPDATE ON audit_events TO PUBLIC", "more than reading and adding is granted to it"),
    "everybody makes tables": ("GRANT CREATE ON SCHEMA public TO PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_who_could_change_the_trail_is_not_the_service(
    why: str, owner_url: str, role: str, postgresql: PostgreSQL
) -> None:
    statement, words = REFUSALS[why]
    owner, inside = make_url(owner_url).username, by_superuser(postgresql, owner_url)
    if statement:
        postgresql.execute(statement.format(owner=owner, role=role), inside)
    with pytest.raises(DatabaseError) as caught:
        grant(owner_url, role if statement else "nobody-of-that-name")
    assert words in str(caught.value) and "\n" not in str(caught.value)
    engine = engine_of(owner_url)
    with engine.connect() as connection:
        acl = connection.scalar(text("SELECT relacl::text FROM pg_class WHERE oid = to_regclass('submissions')"))
        assert acl is None or role not in acl
    engine.dispose()


def test_the_owner_is_not_the_service(owner_url: str, postgresql: PostgreSQL) -> None:
    owner = str(make_url(owner_url).username)
    for url in (owner_url, by_superuser(postgresql, owner_url)):
        with pytest.raises(DatabaseError, match=r"is the role that migrates|could change the audit trail"):
            grant(url, owner)


def test_sqlite_has_no_roles(migrated_file: object) -> None:
    for use in (refuse, grant):
        with pytest.raises(DatabaseError, match="SQLite has no roles"):
            use(f"sqlite:///{migrated_file}", "kontakt")
    assert warning(f"sqlite:///{migrated_file}") is None
    assert lacking(f"sqlite:///{migrated_file}") is None


TOO_STRONG = {
    "the owner": ("", "it owns the table"),
    "a superuser": ("ALTER ROLE {role} SUPERUSER", "it is a superuser"),
    "granted": ("GRANT DELETE ON audit_events TO {role}", "more than reading and adding"),
}


@pytest.mark.parametrize("who", TOO_STRONG)
def test_a_role_that_could_change_the_trail_is_warned_of(
    who: str, owner_url: str, service_url: str, role: str, postgresql: PostgreSQL
) -> None:
    statement, words = TOO_STRONG[who]
    if statement:
        postgresql.execute(statement.format(role=role), by_superuser(postgresql, owner_url))
    said = warning(service_url if statement else owner_url)
    assert said is not None and words in said and "--grant-to" in said and "\n" not in said


def test_what_is_not_granted_is_told(owner_url: str, service_url: str, role: str) -> None:
    """As after a migration that the owner ran without --grant-to."""
    engine = engine_of(owner_url)
    with engine.begin() as connection:
        connection.execute(text(f"REVOKE ALL ON reviewers, leases FROM {role}"))
    engine.dispose()
    said = lacking(service_url)
    assert said is not None and "leases" in said and "reviewers" in said and f"--grant-to {role}" in said


def test_an_older_database_is_the_owners_to_migrate(
    owner_url: str, service_url: str, keyring: Keyring, postgresql: PostgreSQL
) -> None:
    engine = engine_of(owner_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0008'"))
    engine.dispose()
    with pytest.raises(DatabaseError, match=f"revision 0008, this program needs {REVISION}: let its owner run kontakt"):
        migrate(service_url)
    name = f"empty_{next(NUMBERS)}"
    postgresql.execute(f"CREATE DATABASE {name}")
    service = str(make_url(service_url).username)
    with pytest.raises(DatabaseError, match="is not set up: let its owner run kontakt migrate"):
        migrate(as_role(postgresql.address(name), service))
