"""The file of a backup: lines of text, compressed and sealed in chunks. What the lines say is in `backup_rows`.

It begins with the name of the format, the day that it is of, in plain, and a random id; then come the chunks, each with
its length (4 bytes) in front. They are sealed with a key that is made of the day's (`backup_keys`) and the id: when the
day's key is gone, the file can be read no more. Each is sealed to its file, its number and to whether it is the last.
So a chunk that is changed, moved, missing or from another file does not open, nor the last one when something is
missing or added after it. The first format, sealed by the keyring and without a day, is still read.
"""

import os
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from storage.backup_keys import BackupKey
from storage.encryption import Keyring, SealError, UnknownKeyError, key_id_of
from storage.key_files import sync_directory

MAGIC: Final = b"kontakt backup 2\n"
_FIRST_FORMAT: Final = b"kontakt backup 1\n"
_ANY_FORMAT: Final = b"kontakt backup "
_DAY: Final = re.compile(rb"\d{4}-\d\d-\d\d\n")
_DAY_BYTES: Final = 11
_ID_BYTES: Final = 16
HEAD_BYTES: Final = len(MAGIC) + _DAY_BYTES + _ID_BYTES
"""What stands before the first chunk."""
_CHUNK_BYTES: Final = 2**18
_MOST_BYTES: Final = 2**20
"""No sealed chunk is longer; a damaged length must not make us read gigabytes."""
_LENGTH_BYTES: Final = 4


class BackupError(Exception):
    """A backup cannot be made, read or restored; one line that says why, without anything of the content."""


class _Opener(Protocol):
    def open(self, sealed: bytes, context: str, /) -> bytes:
        """Raises SealError."""


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well, and is safe on the disk then; for the same user alone.

    Until then it has another name; a run that is killed leaves it behind, as sealed as all of it. Raises BackupError.
    """
    if target.exists() or target.is_symlink():
        raise BackupError(f"there is something at {target} already: give the backup another name")
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(handle)
            aside.rename(target)
            sync_directory(target.parent)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"the backup {target} cannot be written ({error.strerror})") from None


def write_lines(file: BinaryIO, key: BackupKey, day: date, lines: Iterable[bytes]) -> None:
    """Write a whole backup of that day; `lines` are without their line ends. Raises OSError."""
    file_id = secrets.token_bytes(_ID_BYTES)
    own = key.of_file(day, file_id)
    file.write(MAGIC + f"{day.isoformat()}\n".encode("ascii") + file_id)
    packer, pending, number = zlib.compressobj(1), bytearray(), 0

    def write(last: bool) -> None:
        sealed = own.seal(bytes(pending[:_CHUNK_BYTES]), _context(file_id, number, last))
        file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        del pending[:_CHUNK_BYTES]

    for line in lines:
        pending += packer.compress(line + b"\n")
        while len(pending) > _CHUNK_BYTES:
            write(last=False)
            number += 1
    pending += packer.flush()
    while len(pending) > _CHUNK_BYTES:
        write(last=False)
        number += 1
    write(last=True)


def read_lines(path: Path, keyring: Keyring, key: BackupKey) -> Iterator[bytes]:
    """The lines of a backup, each as soon as its chunk is opened. Raises BackupError: then none of them counts.

    `keyring` is for the first format.
    """
    try:
        with path.open("rb") as file:
            unpacker, rest = zlib.decompressobj(), b""
            for packed in _chunks(file, path, keyring, key):
                *whole, rest = (rest + unpacker.decompress(packed)).split(b"\n")
                yield from whole
    except OSError as error:
        raise BackupError(f"the backup {path} cannot be read ({error.strerror})") from None


def _chunks(file: BinaryIO, path: Path, keyring: Keyring, key: BackupKey) -> Iterator[bytes]:
    if (beginning := file.read(len(MAGIC))) not in (MAGIC, _FIRST_FORMAT):
        if beginning.startswith(_ANY_FORMAT):
            raise BackupError(f"the backup {path} is of a format that this program does not read: use a newer program")
        raise BackupError(f"{path} is not a backup of Kontakt")
    day = _read_day(file, path, key) if beginning == MAGIC else None
    file_id, number = file.read(_ID_BYTES), 0
    own: _Opener = keyring if day is None else key.of_file(day, file_id)
    sealed = _read_chunk(file, path)
    if sealed is None:
        raise _damaged(path)
    while sealed is not None:
        following = _read_chunk(file, path)
        try:
            yield own.open(sealed, _context(file_id, number, following is None))
        except UnknownKeyError:
            raise _unknown_key(path, key_id_of(sealed) or "") from None
        except SealError:
            raise _damaged(path) from None
        sealed, number = following, number + 1


def _read_day(file: BinaryIO, path: Path, key: BackupKey) -> date:
    """The day that a backup is of. Raises BackupError when the key of that day is gone."""
    text = file.read(_DAY_BYTES)
    try:
        day = date.fromisoformat(text.decode("ascii").strip()) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or (day > key.day and not key.reaches(day)):
        raise _damaged(path)
    if day < key.day:
        raise BackupError(
            f"the backup {path} is of {day} and can be read no more: the backup key opens those of {key.day} and later,"
            " and the keys of the days before are destroyed"
        )
    return day


def _read_chunk(file: BinaryIO, path: Path) -> bytes | None:
    """What is sealed in the next chunk; None at the end of the file."""
    if not (length := file.read(_LENGTH_BYTES)):
        return None
    expected = int.from_bytes(length)
    if len(length) != _LENGTH_BYTES or expected > _MOST_BYTES:
        raise _damaged(path)
    sealed = file.read(expected)
    if len(sealed) != expected:
        raise _damaged(path)
    return sealed


def _context(file_id: bytes, number: int, last: bool) -> str:
    return f"backup:{file_id.hex()}:{number}:{'last' if last else 'more follows'}"


def _damaged(path: Path) -> BackupError:
    return BackupError(f"the backup {path} is damaged, not whole, or made with other keys: nothing of it is used")


def _unknown_key(path: Path, key_id: str) -> BackupError:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id):
        return _damaged(path)
    return BackupError(
        f"the backup {path} is sealed with the key {key_id}, which is not there:"
        " put its line back from the backup of the keys"
    )
