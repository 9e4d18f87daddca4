"""What has been purged, remembered outside the database, so that an older backup does not bring it back.

A chained file, one line for each purged thing: its keyed fingerprint, when, and by which rule. Nothing can be read from
it without the lookup key, and with it only whether a known name is there. What is purged and when is decided
elsewhere; whoever purges keeps the tombstone in the same transaction as the purge, and calls `append` after it, and
again for all of them at the next start: what is in the file is not added twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from storage import chained_file
from storage.chained_file import ChainedFileError
from storage.encryption import Keyring

_CALLED: Final = "tombstones"
_LINE: Final = re.compile(r"([0-9a-f]{64}) (\S{1,40}) ([a-z0-9_.-]{1,64})")


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

    def new(lines: Sequence[str]) -> Iterator[str]:
        seen = {_tombstone(path, number, line).fingerprint for number, line in enumerate(lines, 1)}
        for tombstone in tombstones:
            if tombstone.fingerprint in seen:
                continue
            seen.add(tombstone.fingerprint)
            line = f"{tombstone.fingerprint} {tombstone.purged_at.astimezone(UTC).isoformat()} {tombstone.rule}"
            if not _LINE.fullmatch(line):
                raise ValueError("a tombstone needs a fingerprint and the name of a rule")
            yield line

    try:
        return chained_file.append(path, keyring, _CALLED, new)
    except ChainedFileError as error:
        raise TombstoneError(str(error)) from None


def read(path: Path, keyring: Keyring) -> list[Tombstone]:
    """Every tombstone, oldest first. Raises TombstoneError, also when there is no file."""
    try:
        lines = chained_file.read(path, keyring, _CALLED)
        return [_tombstone(path, number, line) for number, line in enumerate(lines, 1)]
    except ChainedFileError as error:
        raise TombstoneError(str(error)) from None


def _tombstone(path: Path, number: int, line: str) -> Tombstone:
    """Raises ChainedFileError for a line of another shape."""
    if not _LINE.fullmatch(line):
        raise chained_file.damaged(path, number)
    fingerprint, purged_at, rule = line.split(" ")
    return Tombstone(fingerprint, datetime.fromisoformat(purged_at), rule)
