"""The files of the key directory: read by their owner alone, made once, changed by one at a time, whole or not at all.

What the keys are for is in `encryption` and `backup_keys`.
"""

import base64
import binascii
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32


class KeyFileError(Exception):
    """A key is missing, readable by others or damaged; the message is one line that names the fix."""


def new_key() -> str:
    """A new random key as the files say it: base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def decode_key(encoded: str, place: str) -> bytes:
    """The key that a file or a setting says. `place` names it in the error. Raises KeyFileError."""
    try:
        key = base64.b64decode(encoded.strip().encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise damaged(place) from None
    if len(key) != KEY_BYTES:
        raise damaged(place)
    return key


def damaged(place: str) -> KeyFileError:
    """The error for a file or a setting that does not say what it should."""
    return KeyFileError(f"{place} is damaged: restore it from the backup of the keys")


def read_file(path: Path) -> str:
    """What a key file says. Raises KeyFileError when it is missing, open to others or no text."""
    try:
        refuse_open_to_others(path, "600")
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise KeyFileError(f"the key file {path} is missing: restore it from the backup of the keys") from None
    except UnicodeDecodeError:
        raise damaged(f"the key file {path}") from None
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read ({error.strerror})") from None


def refuse_open_to_others(path: Path, mode: str) -> None:
    """Raises KeyFileError when anybody but its owner may do anything with it; `mode` is what it should have."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError(f"{path} is open to other users of this machine: run chmod {mode} {path}")


def make_file(path: Path, content: str) -> None:
    """Whole or not at all, also when two processes start at once or one is killed: written aside, then linked."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    sync_directory(path.parent)


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Two who change a key file at once would lose a key; a killed one holds nothing. Raises KeyFileError."""
    try:
        handle = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
    except OSError as error:
        raise KeyFileError(f"the keys in {directory} cannot be changed ({error.strerror})") from None


def write_anew(path: Path, content: str) -> None:
    """The whole new file or the whole old one (or none), also after a power cut; for the same user alone.

    A run that is killed may leave the file aside, with keys in it; the next one removes it. Raises OSError.
    """
    aside, owner = path.with_name(f".{path.name}.new"), (path if path.exists() else path.parent).stat()
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        if os.geteuid() == 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(handle)
    aside.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """The files' names in a directory are on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
