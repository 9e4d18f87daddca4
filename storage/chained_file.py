"""A text file that is only added to, kept outside the database: each line has a keyed check over it and those before.

What was changed, added, moved or removed between two lines shows; lines cut away whole from the end do not. What the
lines say is the business of the modules that keep such files, and so is the error that their callers see.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from storage.encryption import Keyring
from storage.key_files import sync_directory


class ChainedFileError(Exception):
    """The file is missing, damaged or cannot be used; one line that says which."""


def append(path: Path, keyring: Keyring, called: str, new: Callable[[Sequence[str]], Iterable[str]]) -> int:
    """Add the lines that `new` makes of those that are there, durably; how many. The file is made (0600) if need be.

    `called` names the file's content: "the tombstones" in messages, and what its checks are for. Raises
    ChainedFileError, and whatever `new` raises, with the file as it was.
    """
    with _locked(path, called) as handle:
        known, check, end = _parse(_read_all(handle), path, keyring, called)
        added = []
        for line in new(known):
            check = _check(keyring, called, check, line)
            added.append(f"{line} {check}\n")
        _add(handle, end, "".join(added).encode("ascii"))
        return len(added)


def read(path: Path, keyring: Keyring, called: str) -> list[str]:
    """Every line, oldest first, without its check. Raises ChainedFileError, also when there is no file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ChainedFileError(f"the {called} in {path} cannot be read ({error.strerror})") from None
    return _parse(content, path, keyring, called)[0]


def _parse(content: bytes, path: Path, keyring: Keyring, called: str) -> tuple[list[str], str, int]:
    """The lines, the last check, and where the last whole line ends: after it, a killed `append` may have begun."""
    whole = content[: content.rfind(b"\n") + 1]
    found, check = [], ""
    for number, line in enumerate(whole.decode("ascii", "replace").splitlines(), 1):
        fields, _, said = line.rpartition(" ")
        check = _check(keyring, called, check, fields)
        if said != check:
            raise damaged(path, number)
        found.append(fields)
    return found, check, len(whole)


def damaged(path: Path, number: int) -> ChainedFileError:
    """The error for a line that is not what was written."""
    return ChainedFileError(
        f"line {number} of {path} is not what was written, or lookup.key is another:"
        " take the newest copy that is beside the backups"
    )


def _check(keyring: Keyring, called: str, before: str, fields: str) -> str:
    return keyring.fingerprint(f"{before} {fields}", f"{called}:line")


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
def _locked(path: Path, called: str) -> Iterator[int]:
    """The file, open for one at a time. Raises ChainedFileError."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
                raise ChainedFileError(f"{path} is open to other users of this machine: run chmod 600 {path}")
            yield handle
            sync_directory(path.parent)
        finally:
            os.close(handle)
    except OSError as error:
        raise ChainedFileError(f"the {called} in {path} cannot be written ({error.strerror})") from None
