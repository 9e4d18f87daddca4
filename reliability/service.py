"""The service as the harness starts it: its directory, its environment, and one life after the other."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installation import DOMAIN, RASA
from nlu import training
from nlu.process import NluProcess
from reliability.postgresql import server
from settings import ROOT
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from tests.fake_telegram import TOKEN

DATABASES = ("sqlite", "postgresql")
SHORT_LEASE, QUICK_LEASE = 4.0, 1.5
"""Seconds until a killed leader is followed by the next: the ordinary 15 would make a run several times longer."""


@dataclass(frozen=True)
class Place:
    """Where one run of the harness lives: a `var` directory, a database, two ports."""

    var: Path
    url: str
    web_port: int
    review_port: int

    @property
    def file(self) -> Path | None:
        """The SQLite database's file; None on PostgreSQL."""
        return self.var / "kontakt.db" if self.url.startswith("sqlite") else None

    def open(self) -> Database:
        """The database, to look at what is in it."""
        return Database(self.url, load_keys(self.var / "keys"))

    def environment(self, telegram: str, **more: str) -> dict[str, str]:
        """For a service over this place; `telegram` is the Bot API's address."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KONTAKT_")}
        return {
            **kept,
            "KONTAKT_CONFIG": str(self.var / "kontakt.toml"),
            "KONTAKT_VAR": str(self.var),
            "KONTAKT_DATABASE_URL": self.url,
            "KONTAKT_WEB_PORT": str(self.web_port),
            "KONTAKT_REVIEW_PORT": str(self.review_port),
            "KONTAKT_WEB_ADDRESS": "https://chatt.example.com",
            "KONTAKT_TELEGRAM_TOKEN": TOKEN,
            "KONTAKT_TELEGRAM__BASE_URL": telegram,
            "KONTAKT_TELEGRAM__FORMS": '"all"',
            **more,
        }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def place_for(kind: str, directory: Path) -> Iterator[Place]:
    """A place with keys, an empty database of the `kind` (one of DATABASES) and the trained NLU model."""
    var = directory / "var"
    (var / "nlu").mkdir(parents=True, mode=0o700)
    (var / "kontakt.toml").touch()
    model = trained_model()
    for path in model.parent.glob(f"{model.name}*"):
        shutil.copy2(path, var / "nlu" / path.name)
    make_keys(var / "keys")
    if kind == "postgresql":
        with server() as running:
            yield _migrated(var, running.new_url())
    else:
        yield _migrated(var, f"sqlite:///{var / 'kontakt.db'}")


def _migrated(var: Path, url: str) -> Place:
    migrate(url)
    return Place(var, url, free_port(), free_port())


def trained_model() -> Path:
    """The NLU model of the present training data; trained when there is none yet."""
    return training.train(RASA, DOMAIN, ROOT / "var" / "nlu", lambda line: None)


@contextmanager
def nlu_running(place: Place, running: Path | None = None) -> Iterator[None]:
    """A real NLU process that outlives the service's lives, where the service looks for it.

    `running`: the run file of one that is there already.
    """
    run_file = place.var / "run" / "nlu.json"
    if running is not None:
        run_file.parent.mkdir(parents=True)
        shutil.copy2(running, run_file)
        yield
        return
    process = NluProcess(RASA, trained_model(), run_file)
    process.start()
    try:
        process.wait_until_ready(120)
        yield
    finally:
        process.stop()


class Lives:
    """The service, one life after the other, over one place. Its log is `var/serve.log`."""

    def __init__(self, place: Place, telegram: str, lease: float = SHORT_LEASE) -> None:
        self._lease = lease
        self._log = (place.var / "serve.log").open("ab")
        self._environment = place.environment(telegram)
        self._launcher: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def begin(self, step: str, nth: int, seed: int, *, fresh: bool = False, lease: float | None = None) -> "Life":
        """Start the service, to be killed at a step. `fresh`: in a new interpreter, else in a fork of the last one."""
        if fresh:
            self.close_launcher()
        if self._launcher is None:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "reliability.launcher"],
                cwd=ROOT, env=self._environment, text=True, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            )  # fmt: skip
        assert self._launcher.stdin is not None
        order = {"step": step, "nth": nth, "seed": seed, "lease": lease or self._lease}
        self._launcher.stdin.write(json.dumps(order) + "\n")
        self._launcher.stdin.flush()
        return Life(self._launcher, self._answer()["pid"])

    def _answer(self) -> dict[str, int]:
        assert self._launcher is not None and self._launcher.stdout is not None
        answer: dict[str, int] = json.loads(self._launcher.stdout.readline())
        return answer

    def close_launcher(self) -> None:
        """The interpreter that has been forked, and what it had started, is gone afterwards."""
        if self._launcher is not None:
            self._launcher.kill()
            self._launcher.communicate()
            self._launcher = None

    def close(self) -> None:
        """End everything."""
        self.close_launcher()
        self._log.close()


class Life:
    """One life of the service."""

    def __init__(self, launcher: subprocess.Popen[str], pid: int) -> None:
        self._launcher, self.pid = launcher, pid
        self.killed_by: int | None = None

    def ended(self, seconds: float) -> bool:
        """Whether it is over, at the latest after so many seconds; `killed_by` is the signal then, or 0."""
        assert self._launcher.stdout is not None
        if self.killed_by is None and select.select([self._launcher.stdout], [], [], seconds)[0]:
            self.killed_by = json.loads(self._launcher.stdout.readline())["signal"]
        return self.killed_by is not None

    def kill(self, number: int = signal.SIGKILL, seconds: float = 30) -> None:
        """End it from outside, and wait until it is over."""
        if self.killed_by is None:
            os.kill(self.pid, number)
            assert self.ended(seconds), "the service does not end"
