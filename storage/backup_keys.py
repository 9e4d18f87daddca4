"""The key of each day's backups: a later day's follows from it, an earlier one's cannot be found again.

`backup.key`, beside the other key files, holds one line: a day (ISO) and its key. Each day's key is made of that of the
day before by a one-way step, and a backup is sealed with a key of its own that is made of its day's. So the file opens
the backups of its day and of every later one. Once a day it is moved on, and what is older is unreadable from then on,
for whoever has all that is in the directory as well. How many days stay readable is said in `retention_policy`, whether
the clock can be believed in `retention_clock`. A copy of the file opens what it could open when it was copied.
"""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from storage import retention_clock
from storage.database import Database
from storage.encryption import SealError, open_with, seal_with
from storage.key_files import KeyFileError, damaged, decode_key, new_key, one_at_a_time, read_file, write_anew
from storage.retention_policy import Entry, day_of

BACKUP_FILE: Final = "backup.key"
VARIABLE: Final = "KONTAKT_BACKUP_KEY"
_NEXT_DAY: Final = b"kontakt backup key: the next day"
_OF_FILE: Final = b"kontakt backup key: one file "
_SEALED: Final = b"\x03"
"""What every value begins with that a backup's own key has sealed; a keyring and a data key have others."""
_MOST_STEPS: Final = 36500
"""A wrong day must not make us step for minutes."""
_DAYS_BEFORE: Final = 7
"""A new file begins so many days before it is made: the clock may be set back a little, and no policy has fewer."""


@dataclass(frozen=True, repr=False)
class FileKey:
    """The key of one backup."""

    key: bytes

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt a part of it; it opens only with the same `context`."""
        return seal_with(self.key, _SEALED, data, context)

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made. Raises SealError."""
        if sealed[:1] != _SEALED:
            raise SealError("a part of a backup is not in the sealed format")
        return open_with(self.key, _SEALED, sealed, context)


@dataclass(frozen=True, repr=False)
class BackupKey:
    """The key of one day, and so of every later one. Days are those of the Swedish calendar."""

    day: date
    key: bytes

    def reaches(self, day: date) -> bool:
        """Whether that day's key can be made of this one."""
        return 0 <= (day - self.day).days <= _MOST_STEPS

    def on(self, day: date) -> "BackupKey":
        """The key of that day, which it must reach."""
        assert self.reaches(day)
        key = self.key
        for _ in range((day - self.day).days):
            key = _made_of(key, _NEXT_DAY)
        return BackupKey(day, key)

    def of_file(self, day: date, file_id: bytes) -> FileKey:
        """The key of one backup of that day, which it must reach."""
        return FileKey(_made_of(self.on(day).key, _OF_FILE + file_id))


def make(directory: Path, at: datetime) -> bool:
    """Make the key file when there is none; whether it was made. One that exists is never replaced.

    Raises KeyFileError.
    """
    path = directory / BACKUP_FILE
    if path.exists():
        return False
    with one_at_a_time(directory):
        if path.exists():
            return False
        write_anew(path, f"{(day_of(at) - timedelta(days=_DAYS_BEFORE)).isoformat()} {new_key()}\n")
    return True


def load(directory: Path) -> BackupKey:
    """Read the key file. Raises KeyFileError when it is missing, readable by others or damaged."""
    path = directory / BACKUP_FILE
    if not path.exists():
        raise KeyFileError(
            f"the key file {path} is missing: restore it from the backup of the keys;"
            " if there never was one, `kontakt migrate` makes it"
        )
    with one_at_a_time(directory):
        return _read(path)


def from_text(text: str) -> BackupKey:
    """The key of a setting that holds what the file would. Raises KeyFileError, without the value."""
    return _parse(text, f"the setting {VARIABLE}")


def day_of_backup(key: BackupKey, at: datetime) -> date:
    """The day of a backup that is made now. Raises KeyFileError when the clock says one that is before the key's."""
    day = day_of(at)
    if not key.reaches(day):
        raise KeyFileError(
            f"the clock says {day}, and the backup key is for {key.day} and later: set the clock right,"
            " or put back the copy of backup.key"
        )
    return day


def readable_too_long(key: BackupKey, entry: Entry | None, at: datetime, *, is_setting: bool) -> str | None:
    """One line, when backups can be read for longer than the policy says, or only the operator can see to it."""
    if entry is None or not entry.decided:
        return None
    said = f"those of {key.day} and later can be read, and the policy says {entry.days} days"
    if is_setting:
        return f"{said}: Kontakt cannot change the setting {VARIABLE}, so replace it yourself"
    if key.day < day_of(at) - timedelta(days=entry.days + 1):
        return f"{said}: `kontakt serve` and `kontakt backup` destroy older keys, but for a clock that may be wrong"
    return None


def expire(
    database: Database, directory: Path, entry: Entry | None, at: datetime, uptime: retention_clock.Uptime | None
) -> date | None:
    """Destroy the keys of the days that are more than the policy's before `at`; the first day that is left.

    None: nothing had to go. Raises ClockError and DatabaseError, with nothing destroyed, and KeyFileError.
    """
    if entry is None or not entry.decided:
        return None
    with database.transaction() as session:
        retention_clock.check(session, at, uptime)
    first = day_of(at) - timedelta(days=entry.days)
    return first if step(directory, first) else None


def step(directory: Path, first: date) -> bool:
    """Move the key file on to that day, durably; False when it is there already, or is of a later day.

    Killed anywhere, the file is the old one or the new. Raises KeyFileError.
    """
    path = directory / BACKUP_FILE
    with one_at_a_time(directory):
        before = _read(path)
        if first <= before.day or not before.reaches(first):
            return False
        with path.open("r+b") as old:
            write_anew(path, _line(before.on(first)))
            _overwrite(old.fileno())
    return True


def _overwrite(handle: int) -> None:
    """The old file's content, which has no name any more. What has one is somebody's copy, and theirs to destroy."""
    found = os.fstat(handle)
    if found.st_nlink == 0:
        os.pwrite(handle, b"\0" * found.st_size, 0)
        os.fsync(handle)


def _made_of(key: bytes, what: bytes) -> bytes:
    return hmac.digest(key, what, hashlib.sha256)


def _read(path: Path) -> BackupKey:
    return _parse(read_file(path), f"the key file {path}")


def _line(key: BackupKey) -> str:
    return f"{key.day.isoformat()} {base64.b64encode(key.key).decode('ascii')}\n"


def _parse(text: str, place: str) -> BackupKey:
    day, _, encoded = text.strip().partition(" ")
    try:
        return BackupKey(date.fromisoformat(day), decode_key(encoded, place))
    except ValueError:
        raise damaged(place) from None
