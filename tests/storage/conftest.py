"""Databases for the tests of storage: every test that asks for `url` or `database` runs on SQLite and on PostgreSQL.

PostgreSQL is a real server, started once. It keeps nothing safe from a power cut, which no test here is about.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reliability.postgresql import PostgreSQL, server
from storage.database import Database, migrate
from storage.encryption import Keyring, load_keys, make_keys
from storage.tables import Base

GUARDS = ("audit_events_refuse_change", "audit_events_refuse_truncate")
QUICK = ("max_connections=200", "fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with server(*QUICK) as running:
        yield running


@pytest.fixture(scope="session")
def key_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys") / "keys"
    make_keys(directory)
    return directory


@pytest.fixture(scope="session")
def keyring(key_directory: Path) -> Keyring:
    return load_keys(key_directory)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "kontakt.sqlite"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSQL) -> str:
    url = postgresql.new_url()
    migrate(url)
    return url


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL, migrated_postgresql: str) -> str:
    """A migrated database without rows: the same one for every test, emptied (a new one takes half a second)."""
    tables = ", ".join(Base.metadata.tables)
    postgresql.execute(
        f"ALTER TABLE audit_events DISABLE TRIGGER USER; TRUNCATE {tables} RESTART IDENTITY;"
        + "".join(f"ALTER TABLE audit_events ENABLE ALWAYS TRIGGER {name};" for name in GUARDS),
        migrated_postgresql,
    )
    return migrated_postgresql


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that has never been migrated."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/var/kontakt.sqlite"
    return str(request.getfixturevalue("postgresql").new_url())


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without rows."""
    if backend == "sqlite":
        path = tmp_path / "kontakt.sqlite"
        shutil.copy2(request.getfixturevalue("migrated_file"), path)
        return f"sqlite:///{path}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def open_database(url: str, keyring: Keyring) -> Iterator[Callable[[], Database]]:
    """Opens the test's database, as often as a test likes: a second one stands for a restart or another process."""
    opened: list[Database] = []

    def open_one() -> Database:
        opened.append(Database(url, keyring))
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    return open_database()
