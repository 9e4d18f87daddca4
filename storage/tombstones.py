"""What has been purged, remembered outside the database, so that an older backup does not bring it back.

A text file, one line for each purged thing: its keyed fingerprint, when, by which rule, and a check over this line and
those before it. Nothing can be read from it without the lookup key, and with it only whether a known name is there.
What is purged and when is decided elsewhere; whoever purges keeps the tombstone in the same transaction as the purge,
and calls `append` after it, and again for all of them at the next start: what is in the file is not added twice.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage.encryption import Keyring, sync_directory

_LINE: Final = re.compile(r"([0-9a-f]{64}) (\S{1,40}) ([a-z0-9_.-]{1,64}) ([0-9a-f]{64})")


class TombstoneError(Exception):
    """The file of tombstones is missing, damaged or cannot be used; one line that says which."""


@dataclass(frozen=True)
class Tombstone:
    """`fingerprint` is from `tombstone_of`; `rule` names what it was purged by, in small letters: [a-z0-9_.-]."""

    fingerprint: str
    purged_at: datetime
    rule: str


def tombstone_of(keyring: Keyring, name: str) -> str:
    """The fingerprint of something purged: a submission's reference, or a draft's token."""
    return keyring.fingerprint(name, "tombstones")


def append(path: Path, keyring: Keyring, tombstones: Iterable[Tombstone]) -> int:
    """Add those that are not in the file yet, durably; how many. The file is made (0600) when there is none.

    Raises TombstoneError, with the file as it was, and ValueError for a fingerprint or a rule that is none.
    """
    with _locked(path) as handle:
        known, check, end = _parse(_read_all(handle), path, keyring)
        seen, lines = {tombstone.fingerprint for tombstone in known}, ""
        for tombstone in tombstones:
            if tombstone.fingerprint in seen:
                continue
            seen.add(tombstone.fingerprint)
            fields = f"{tombstone.fingerprint} {tombstone.purged_at.astimezone(UTC).isoformat()} {tombstone.rule}"
            check = _check(keyring, check, fields)
            if not _LINE.fullmatch(f"{fields} {check}"):
                raise ValueError("a tombstone needs a fingerprint and the name of a rule")
            lines += f"{fields} {check}\n"
        _add(handle, end, lines.encode("ascii"))
        return lines.count("\n")


def read(path: Path, keyring: Keyring) -> list[Tombstone]:
    """Every tombstone, oldest first. Raises TombstoneError, also when there is no file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TombstoneError(f"the tombstones in {path} cannot be read ({error.strerror})") from None
    return _parse(content, path, keyring)[0]


def _parse(content: bytes, path: Path, keyring: Keyring) -> tuple[list[Tombstone], str, int]:
    """The tombstones, the last check, and where the last whole line ends: after it, a killed `append` may have begun.

    Lines that are cut away from the end, whole, are not missed here.
    """
    whole = content[: content.rfind(b"\n") + 1]
    found, check = [], ""
    for number, line in enumerate(whole.decode("ascii", "replace").splitlines(), 1):
        fields, _, said = line.rpartition(" ")
        check = _check(keyring, check, fields)
        if not _LINE.fullmatch(line) or said != check:
            raise TombstoneError(
                f"line {number} of {path} is not what was written, or lookup.key is another:"
                " take the newest copy that is beside the backups"
            )
        fingerprint, purged_at, rule = fields.split(" ")
        found.append(Tombstone(fingerprint, datetime.fromisoformat(purged_at), rule))
    return found, check, len(whole)


def _check(keyring: Keyring, before: str, fields: str) -> str:
    return keyring.fingerprint(f"{before} {fields}", "tombstones:line")


def _add(handle: int, end: int, content: bytes) -> None:
    """Write after the last whole line, or nothing."""
    os.ftruncate(handle, end)
    try:
        with os.fdopen(os.dup(handle), "wb", buffering=0) as file:
            file.seek(end)
            while content:
                content = content[file.write(content) :]
            os.fsync(handle)
    except OSError:
        os.ftruncate(handle, end)
        raise


def _read_all(handle: int) -> bytes:
    with os.fdopen(os.dup(handle), "rb") as file:
        file.seek(0)
        return file.read()


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, open for one at a time. Raises TombstoneError."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
                raise TombstoneError(f"{path} is open to other users of this machine: run chmod 600 {path}")
            yield handle
            sync_directory(path.parent)
        finally:
            os.close(handle)
    except OSError as error:
        raise TombstoneError(f"the tombstones in {path} cannot be written ({error.strerror})") from None
