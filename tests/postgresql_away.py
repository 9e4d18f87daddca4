"""A real PostgreSQL that can be stopped under those who use it, and started again where it was."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from reliability.postgresql import PostgreSQL, end_with_parent, server


@dataclass
class Stoppable:
    """The server; `away` stops it for a while."""

    server: PostgreSQL
    again: subprocess.Popen[bytes] | None = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is gone at once, as after a power cut, for as long as the block lasts."""
        home = self.server.socket_directory
        pid = int((home / "data" / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        user = Path(f"/proc/{pid}").stat().st_uid
        subprocess.run(["kill", "-QUIT", str(pid)], check=True)
        _until(lambda: _is_gone(pid))
        self.close()
        try:
            yield
        finally:
            with (home / "log").open("ab") as log:
                self.again = subprocess.Popen(
                    command, stdout=log, stderr=log, user=user, cwd=home, preexec_fn=end_with_parent
                )
            _until(lambda: _answers(self.server))

    def close(self) -> None:
        """End the server that was started again; the first one is ended by whoever started it."""
        if self.again is not None:
            self.again.send_signal(signal.SIGQUIT)
            self.again.wait(30)
            self.again = None


@contextmanager
def stoppable(*settings: str) -> Iterator[Stoppable]:
    """An empty server of the test's own, with these `settings` of PostgreSQL ("log_statement=all")."""
    with server(*settings) as running:
        one = Stoppable(running)
        try:
            yield one
        finally:
            one.close()


def _is_gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def _answers(running: PostgreSQL) -> bool:
    try:
        running.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, "PostgreSQL neither stops nor starts"
        time.sleep(0.05)
