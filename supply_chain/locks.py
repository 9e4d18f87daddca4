"""The lock files as data: every package with its version, marker and hashes. Judging them is left to others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[1]

LOCKS: Mapping[str, str] = MappingProxyType(
    {
        "requirements.lock": "application",
        "nlu/rasa/requirements.lock": "nlu",
        "requirements-dev.lock": "development",
        "requirements-tools.lock": "tools",
        "supply_chain/requirements.lock": "audit",
    }
)
"""Every lock file, from the top of the repository -> the short name of what is installed from it."""

INSTALLED = ("application", "nlu", "tools")
"""What a municipality's machine gets; the others are for those who develop Kontakt."""

_ENTRY = re.compile(r"^(?=[^\s#])", re.MULTILINE)
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,.-]+\])?==(?P<version>[\w.!+-]+)(?=[\s;\\]|$)(?:\s*;\s*(?P<marker>[^\\\n]*))?"
)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?=\s|$)")


@dataclass(frozen=True)
class Locked:
    """One package in one lock file. `line` is its first line, for messages."""

    lock: str
    line: str
    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def normalised(name: str) -> str:
    """A package's name as package indexes compare it: small letters, with - for any run of -, _ and dots."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(root: Path, lock: str) -> tuple[Locked, ...]:
    """Every entry of a lock file, in order. Name and version are empty where the entry is no pinned package."""
    return tuple(_entries(lock, (root / lock).read_text(encoding="utf-8")))


def read_locks(root: Path = ROOT) -> dict[str, tuple[Locked, ...]]:
    """Lock file -> its entries, for every lock file."""
    return {lock: read_lock(root, lock) for lock in LOCKS}


def problems_in(entries: tuple[Locked, ...]) -> list[str]:
    """What is wrong with the entries themselves: no exact version, no hash, or an address instead of a name."""
    found = []
    for entry in entries:
        if not entry.version:
            found.append(f"{entry.lock}: not a package with an exact version: {entry.line}")
        elif not entry.hashes:
            found.append(f"{entry.lock}: {entry.name} {entry.version} has no hash")
    return found


def _entries(lock: str, content: str) -> Iterator[Locked]:
    for text in _ENTRY.split(content):
        lines = text.splitlines()
        if not lines or lines[0].startswith("#") or not lines[0].strip():
            continue
        pin = _PIN.match(text)
        name, version, marker = (pin["name"], pin["version"], pin["marker"] or "") if pin else ("", "", "")
        yield Locked(
            lock=lock,
            line=lines[0].rstrip("\\ "),
            name=normalised(name),
            version=version,
            marker=marker.strip(),
            hashes=tuple(_HASH.findall(text)),
        )
