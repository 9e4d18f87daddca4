"""What must be there before Kontakt can run: keys, database, the NLU environment and its model.

What is missing is made after everything that could refuse has been checked; `examine` only looks, for
`kontakt doctor`.
"""

import errno
import hashlib
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from brochures.brochure import BrochureError
from brochures.lookup import load_library
from forms.loader import FormDefinitionError, load_forms
from nlu import training
from nlu.process import running
from nlu.training import TrainingError
from settings import ROOT, Settings, SettingsError
from storage import database as db
from storage import tombstones
from storage.backup_file import BackupError
from storage.chained_file import ChainedFileError
from storage.database import Database, DatabaseError, DatabaseUnavailableError
from storage.encryption import KeyFileError, Keyring, keyring_from_texts, load_keys, make_keys
from storage.retention import ClockError, RetentionPolicyError, TooManyError, load_policy
from storage.rotation import RetireError
from storage.tombstones import TombstoneError

FORMS = ROOT / "forms" / "definitions"
RASA = ROOT / "nlu" / "rasa"
DOMAIN = ROOT / "domain.yml"
NLU_PYTHON = RASA / ".venv" / "bin" / "python"


class InstallationError(Exception):
    """Something Kontakt needs is missing or wrong; one line that says what, and what to do."""


EXPECTED = (
    SettingsError,
    InstallationError,
    DatabaseError,
    KeyFileError,
    RetireError,
    BackupError,
    TombstoneError,
    ChainedFileError,
    RetentionPolicyError,
    ClockError,
    TooManyError,
    TrainingError,
    BrochureError,
    FormDefinitionError,
)
"""What can be wrong with an installation; the message of each is one line for the one who runs it."""


@dataclass(frozen=True)
class Finding:
    """One thing `kontakt doctor` looked at."""

    name: str
    problem: str | None
    """One line that says what is wrong and what to do; None when it is well."""


def check_nlu_environment(python: Path = NLU_PYTHON) -> None:
    """Raises InstallationError when the Python 3.10 environment of the NLU is missing."""
    if not python.exists():
        raise InstallationError("nlu/rasa/.venv is missing: run `make setup` (it needs Python 3.10)")


def check_names(settings: Settings, municipalities: Collection[str], forms: Collection[str]) -> None:
    """Raises SettingsError when a setting names a municipality or a form that there is not."""
    named = settings.municipality
    if named is not None and named not in municipalities:
        known = ", ".join(sorted(municipalities))
        raise SettingsError(f"setting municipality: {named!r} is not one of {known}")
    chosen = settings.telegram.forms
    if unknown := set(() if isinstance(chosen, str) else chosen) - set(forms):
        raise SettingsError(f"setting telegram.forms: no form named {', '.join(sorted(unknown))}")


def is_new(settings: Settings) -> bool:
    """Whether nothing has been stored yet, so that keys may be made without making anything unreadable.

    Keys that are given as settings are never made here. Raises DatabaseUnavailableError when the database cannot say.
    """
    if settings.key_texts:
        return False
    if settings.database_url:
        return not settings.keys.exists() and not _has_schema(settings.database)
    return not settings.keys.exists() and not (settings.var / "kontakt.db").exists()


def _has_schema(url: str) -> bool:
    try:
        db.check_schema(url)
    except DatabaseUnavailableError:
        raise
    except DatabaseError:
        return False
    return True


def keyring_of(settings: Settings) -> Keyring:
    """The keys, from settings or from their files. Raises KeyFileError, and SettingsError for some of three."""
    return keyring_from_texts(*settings.key_texts) if settings.key_texts else load_keys(settings.keys)


def open_database(settings: Settings) -> Database:
    """Keys read (made on the very first start), schema brought up to date, database opened.

    Raises KeyFileError or DatabaseError, one line each, with nothing changed.
    """
    if is_new(settings):
        settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_keys(settings.keys)
    keyring = keyring_of(settings)
    db.migrate(settings.database)
    database = Database(settings.database, keyring)
    if not settings.tombstones.exists():
        settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        tombstones.append(settings.tombstones, keyring, [])
    return database


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
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
        raise InstallationError(
            f"port {port} on {host} {reason}: stop the other program, or set KONTAKT_{setting.upper()} to another port"
        ) from None
    return listener


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check of `kontakt doctor`. Nothing is changed."""
    old = sys.version_info < (3, 11)
    yield Finding("Python", f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}" if old else None)
    yield Finding("settings", _problem(lambda: _check_contents(settings)))
    yield Finding("NLU environment", _problem(check_nlu_environment))
    yield Finding("NLU model", _problem(lambda: _check_model(settings)))
    yield Finding("keys", _problem(lambda: is_new(settings) or keyring_of(settings)))
    yield Finding("database", _problem(lambda: _check_database(settings)))
    if running(settings.nlu_run_file):
        yield Finding("ports: Kontakt is running", None)
        return
    for setting, port in settings.ports.items():
        yield Finding(f"port {port}", _problem(lambda p=port, s=setting: bind(settings.host, p, s).close()))  # type: ignore[misc]


def _check_contents(settings: Settings) -> None:
    load_policy(settings.retention_policy)
    places = load_library().municipalities
    check_names(settings, {place.id for place in places}, load_forms(FORMS))


def _check_model(settings: Settings) -> None:
    path = settings.models / f"model-{training.fingerprint(RASA, DOMAIN)}.tar.gz"
    try:
        expected = training.sha256_file(path).read_text(encoding="ascii").strip()
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise InstallationError("no model of the present training data: run `kontakt train`") from None
    if found != expected:
        raise InstallationError(f"{path} is damaged: remove it and run `kontakt train`")


def _check_database(settings: Settings) -> None:
    if is_new(settings):
        return
    db.check_schema(settings.database)
    Database(settings.database, keyring_of(settings)).close()


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except EXPECTED as error:
        return str(error)
    return None
