"""What must be there before Kontakt can run: keys, database, the NLU environment and its model.

`prepare` makes what is missing, after everything that could refuse has been checked; `examine` only looks, for
`kontakt doctor`.
"""

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nlu import training
from settings import ROOT, Settings
from storage import database as db
from storage.database import Database, DatabaseError
from storage.encryption import KeyFileError, load_keys, make_keys

RASA = ROOT / "nlu" / "rasa"
DOMAIN = ROOT / "domain.yml"
NLU_PYTHON = RASA / ".venv" / "bin" / "python"


class InstallationError(Exception):
    """Something Kontakt needs is missing or wrong; one line that says what, and what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing `kontakt doctor` looked at."""

    name: str
    problem: str | None
    """One line that says what is wrong and what to do; None when it is well."""


def check_nlu_environment() -> None:
    """Raises InstallationError when the Python 3.10 environment of the NLU is missing."""
    if not NLU_PYTHON.exists():
        raise InstallationError("nlu/rasa/.venv is missing: run `make setup` (it needs Python 3.10)")


def is_new(settings: Settings) -> bool:
    """Whether nothing has been stored yet, so that keys may be made without making anything unreadable."""
    if settings.database_url:
        return not settings.keys.exists() and not _has_schema(settings.database)
    return not settings.keys.exists() and not (settings.var / "kontakt.db").exists()


def _has_schema(url: str) -> bool:
    try:
        db.check_schema(url)
    except DatabaseError:
        return False
    return True


def open_database(settings: Settings) -> Database:
    """Keys read (made on the very first start), schema brought up to date, database opened.

    Raises KeyFileError or DatabaseError, one line each, with nothing changed.
    """
    if is_new(settings):
        settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_keys(settings.keys)
    keyring = load_keys(settings.keys)
    db.migrate(settings.database)
    return Database(settings.database, keyring)


def model(settings: Settings, progress: Callable[[str], None]) -> Path:
    """The model of the present training data, trained when there is none. Raises InstallationError, TrainingError."""
    check_nlu_environment()
    return training.train(RASA, DOMAIN, settings.models, progress)


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises InstallationError when the port is taken or not allowed."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == 98 else f"cannot be opened ({error.strerror})"
        raise InstallationError(
            f"port {port} on {host} {reason}: stop the other program, or set KONTAKT_{setting.upper()} to another port"
        ) from None
    return listener


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check of `kontakt doctor`. Nothing is changed."""
    old = sys.version_info < (3, 11)
    yield Finding("Python", f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}" if old else None)
    yield Finding("settings", None)
    yield Finding("NLU environment", _problem(check_nlu_environment))
    new = is_new(settings)
    yield Finding("keys", None if new else _problem(lambda: load_keys(settings.keys)))
    yield Finding("database", None if new else _problem(lambda: _open_and_close(settings)))
    name = f"model-{training.fingerprint(RASA, DOMAIN)}.tar.gz"
    missing = (
        None if (settings.models / name).exists() else "no model of the present training data: run `kontakt train`"
    )
    yield Finding("NLU model", missing)
    for setting, port in settings.ports.items():
        yield Finding(f"port {port}", _problem(lambda p=port, s=setting: bind(settings.host, p, s).close()))  # type: ignore[misc]


def _open_and_close(settings: Settings) -> None:
    db.check_schema(settings.database)
    Database(settings.database, load_keys(settings.keys)).close()


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except (InstallationError, KeyFileError, DatabaseError) as error:
        return str(error)
    return None
