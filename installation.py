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
from datetime import UTC, date, datetime
from pathlib import Path

import mailing
from brochures.brochure import BrochureError
from brochures.lookup import load_library
from forms.loader import FormDefinitionError, load_forms
from nlu import training
from nlu.process import running
from nlu.training import TrainingError
from settings import ROOT, Settings, SettingsError
from storage import backup_keys, database_roles, tombstones
from storage import database as db
from storage.backup_file import BackupError
from storage.backup_keys import BackupKey
from storage.chained_file import ChainedFileError
from storage.database import Database, DatabaseError, DatabaseUnavailableError
from storage.encryption import Keyring, keyring_from_texts, load_keys, make_keys
from storage.key_files import KeyFileError
from storage.retention import ClockError, RetentionPolicyError, TooManyError, load_policy, read_uptime
from storage.rotation import RetireError
from storage.tombstones import TombstoneError

FORMS = ROOT / "forms" / "definitions"
RASA = ROOT / "nlu" / "rasa"
DOMAIN = ROOT / "domain.yml"
NLU_PYTHON = RASA / ".venv" / "bin" / "python"
PAPERWORK = ROOT / "docs" / "paperwork"


class InstallationError(Exception):
    """Something Kontakt needs is missing or wrong; one line that says what, and what to do."""


EXPECTED = (
    SettingsError,
    InstallationError,
    mailing.MailServerError,
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
    serious: bool = True
    """Whether Kontakt had better not run so; False: a weakness to know of."""


def lacking_paperwork(settings: Settings) -> str | None:
    """One line while no impact assessment is named. That it is good enough nobody but the municipality can tell."""
    if settings.impact_assessment is not None:
        return None
    where = PAPERWORK.relative_to(ROOT)
    return f"no impact assessment is named (setting impact_assessment): see {where}, before launch"


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
    if unknown := set(settings.notices.municipalities) - set(municipalities):
        raise SettingsError(f"setting notices.municipalities: no municipality {', '.join(sorted(unknown))}")
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


def backup_key_of(settings: Settings) -> BackupKey:
    """The key of backups, from the setting or from its file. Raises KeyFileError."""
    if settings.backup_key:
        return backup_keys.from_text(settings.backup_key)
    if settings.key_texts and not (settings.keys / backup_keys.BACKUP_FILE).exists():
        raise KeyFileError(f"the setting {backup_keys.VARIABLE} is missing: no backup can be made or opened without it")
    return backup_keys.load(settings.keys)


def expire_backups(settings: Settings, database: Database) -> date | None:
    """Destroy the keys of backups that are older than the policy says. Returns and raises as `backup_keys.expire`."""
    entry = load_policy(settings.retention_policy).backups
    if settings.backup_key or not (settings.keys / backup_keys.BACKUP_FILE).exists():
        return None  # what is a setting cannot be changed from here
    return backup_keys.expire(database, settings.keys, entry, datetime.now(UTC), read_uptime())


def open_database(settings: Settings) -> Database:
    """Keys read (made on the very first start), schema brought up to date, database opened.

    Raises KeyFileError or DatabaseError, one line each, with nothing changed.
    """
    if is_new(settings):
        settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_keys(settings.keys)
    keyring = keyring_of(settings)
    if settings.backup_key or (settings.keys / backup_keys.BACKUP_FILE).exists():
        backup_key_of(settings)
    db.migrate(settings.database)
    database = Database(settings.database, keyring, notices=settings.notices.host is not None)
    if not settings.key_texts and not settings.backup_key:
        backup_keys.make(settings.keys, datetime.now(UTC))
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
    yield from _examine_backup_key(settings)
    unusable = _problem(lambda: _check_database(settings))
    yield Finding("database", unusable)
    if unusable is None and not is_new(settings) and (weak := database_roles.warning(settings.database)):
        yield Finding("audit trail", weak, serious=False)
    yield Finding("paperwork", lacking_paperwork(settings), serious=False)
    if settings.notices.host is not None:
        yield Finding("mail server", _problem(lambda: mailing.check(settings)))
    if running(settings.nlu_run_file):
        yield Finding("ports: Kontakt is running", None)
        return
    for setting, port in settings.ports.items():
        yield Finding(f"port {port}", _problem(lambda p=port, s=setting: bind(settings.host, p, s).close()))  # type: ignore[misc]


def _check_contents(settings: Settings) -> None:
    load_policy(settings.retention_policy)
    places = load_library().municipalities
    check_names(settings, {place.id for place in places}, load_forms(FORMS))


def _examine_backup_key(settings: Settings) -> Iterator[Finding]:
    if is_new(settings):
        return
    now = datetime.now(UTC)
    unusable = _problem(lambda: backup_keys.day_of_backup(backup_key_of(settings), now))
    yield Finding("backup key", unusable)
    if unusable is None:
        unread = _problem(lambda: load_policy(settings.retention_policy))
        entry = None if unread else load_policy(settings.retention_policy).backups
        late = backup_keys.readable_too_long(backup_key_of(settings), entry, now, is_setting=bool(settings.backup_key))
        if late:
            yield Finding("backups", late, serious=False)


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
    if lacking := database_roles.lacking(settings.database):
        raise InstallationError(lacking)


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except EXPECTED as error:
        return str(error)
    return None
