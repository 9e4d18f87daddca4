"""Keys and sealing: AES-256-GCM for what is stored, HMAC-SHA256 for what must be found again without being readable.

Three files in one directory, each 0600: `encryption.keys` (lines of "key id, base64"; the first line seals, every line
opens), `lookup.key` (fingerprints) and `session.key` (for the web side's own cookies). The same may come as three
texts. The key id in front of each sealed value tells which key opens it; sealing old rows anew is in `rotation`.
A submission has a key of its own, a `DataKey`, which is stored sealed by the keyring.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.key_files import (
    KEY_BYTES,
    KeyFileError,
    damaged,
    decode_key,
    make_file,
    new_key,
    read_file,
    refuse_open_to_others,
)

ENCRYPTION_FILE: Final = "encryption.keys"
LOOKUP_FILE: Final = "lookup.key"
SESSION_FILE: Final = "session.key"

_NONCE_BYTES: Final = 12
BY_KEYRING: Final = b"\x01"
"""What every value begins with that a keyring has sealed, and no other."""
_BY_DATA_KEY: Final = b"\x02"
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
PREFIX_BYTES: Final = 34
"""As many bytes of a sealed value as are needed to tell which key it is sealed with."""


class SealError(Exception):
    """A sealed value cannot be opened: its key is gone, wrong context, or changed since it was written."""


class UnknownKeyError(SealError):
    """The value is whole as far as can be told, but its key is not among those this program has."""


@dataclass(frozen=True, repr=False)
class DataKey:
    """The key of one submission: whoever destroys it makes everything sealed with it unreadable."""

    key: bytes

    def seal_json(self, value: Any, context: str) -> bytes:
        """Seal a plain JSON value; it opens only with the same `context`."""
        return seal_with(self.key, _BY_DATA_KEY, _to_json(value), context)

    def open_json(self, sealed: bytes, context: str) -> Any:
        """The value that `seal_json` was given. Raises SealError."""
        if sealed[:1] != _BY_DATA_KEY:
            raise SealError("a stored value is not sealed with a data key")
        return json.loads(open_with(self.key, _BY_DATA_KEY, sealed, context))


@dataclass(frozen=True, repr=False)
class Keyring:
    """The keys of one installation. `sealing` is the id of the key that seals; all in `keys` can open.

    `file` and `stamp`: the file that the encryption keys were read from, and what it looked like then.
    """

    sealing: str
    keys: Mapping[str, bytes]
    lookup: bytes
    session_secret: bytes
    file: Path | None = None
    stamp: tuple[int, ...] = ()

    def current(self) -> "Keyring":
        """The keyring with the encryption keys that are in the file now, and those it had; quick while nothing is new.

        A file that is gone or damaged just now changes nothing: the next start refuses it.
        """
        if self.file is None:
            return self
        try:
            if _stamp(self.file) == self.stamp:
                return self
            keys, stamp = _read_encryption(self.file)
        except (KeyFileError, OSError):
            return self
        return replace(self, sealing=next(iter(keys)), keys={**self.keys, **keys}, stamp=stamp)

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt `data`; it opens only with the same `context` (say: table, row and column)."""
        return seal_with(self.keys[self.sealing], prefix_of(self.sealing), data, context)

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made. Raises SealError, UnknownKeyError."""
        key_id = key_id_of(sealed)
        if key_id is None:
            raise SealError("a stored value is not in the sealed format")
        key = self.keys.get(key_id)
        if key is None:
            raise UnknownKeyError("a stored value is sealed with a key that is not among the key files")
        return open_with(key, sealed[: 2 + sealed[1]], sealed, context)

    def seal_json(self, value: Any, context: str) -> bytes:
        """Seal a plain JSON value. Lone surrogates and NUL survive the round trip."""
        return self.seal(_to_json(value), context)

    def open_json(self, sealed: bytes, context: str) -> Any:
        """The value that `seal_json` was given. Raises SealError."""
        return json.loads(self.open(sealed, context))

    def fingerprint(self, text: str, purpose: str) -> str:
        """A keyed fingerprint, 64 hex digits: equal texts of one purpose are equal, nothing can be read from it."""
        message = _bytes(purpose) + b"\x00" + _bytes(text)
        return hmac.new(self.lookup, message, hashlib.sha256).hexdigest()


def make_data_key() -> DataKey:
    """A new random key for one submission."""
    return DataKey(secrets.token_bytes(KEY_BYTES))


def prefix_of(key_id: str) -> bytes:
    """What every value begins with that a keyring has sealed with that key."""
    return BY_KEYRING + bytes([len(key_id)]) + key_id.encode("ascii")


def key_id_of(sealed: bytes) -> str | None:
    """The key that a keyring's value is sealed with, from its first PREFIX_BYTES; None for any other value."""
    if len(sealed) < 2 or sealed[:1] != BY_KEYRING:
        return None
    return sealed[2 : 2 + sealed[1]].decode("ascii", "replace")


def new_key_line() -> str:
    """A line for `encryption.keys`: a new key with a new id."""
    return f"{secrets.token_hex(4)} {new_key()}\n"


def make_keys(directory: Path) -> None:
    """Make the key files that are missing (files 0600, directory 0700). A file that exists is never written to."""
    if not directory.exists():
        directory.mkdir(parents=True, mode=0o700)
    if not any(directory.iterdir()):
        directory.chmod(0o700)
    make_file(directory / ENCRYPTION_FILE, new_key_line())
    make_file(directory / LOOKUP_FILE, f"{new_key()}\n")
    make_file(directory / SESSION_FILE, f"{new_key()}\n")


def load_keys(directory: Path) -> Keyring:
    """Read the key files. Raises KeyFileError when one is missing, readable by others or damaged."""
    if not directory.is_dir():
        raise KeyFileError(f"the key directory {directory} is missing: restore it from the backup of the keys")
    refuse_open_to_others(directory, "700")
    keys, stamp = _read_encryption(directory / ENCRYPTION_FILE)
    lookup, session = directory / LOOKUP_FILE, directory / SESSION_FILE
    return Keyring(
        sealing=next(iter(keys)),
        keys=keys,
        lookup=decode_key(read_file(lookup), f"the key file {lookup}"),
        session_secret=decode_key(read_file(session), f"the key file {session}"),
        file=directory / ENCRYPTION_FILE,
        stamp=stamp,
    )


def keyring_from_texts(encryption: str, lookup: str, session: str) -> Keyring:
    """The keyring of three settings that hold what the files would; commas may stand for line ends.

    Raises KeyFileError, which names the setting and never its value.
    """
    names = {"KONTAKT_ENCRYPTION_KEYS": encryption, "KONTAKT_LOOKUP_KEY": lookup, "KONTAKT_SESSION_KEY": session}
    for name, text in names.items():
        if not text.strip():
            raise KeyFileError(f"the setting {name} is missing: restore it from the backup of the keys")
    first, *others = (f"the setting {name}" for name in names)
    keys = _read_lines(encryption.replace(",", "\n"), first)
    return Keyring(next(iter(keys)), keys, decode_key(lookup, others[0]), decode_key(session, others[1]))


def _read_lines(text: str, place: str) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key_id, _, encoded = line.strip().partition(" ")
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise damaged(place)
        keys[key_id] = decode_key(encoded, place)
    if not keys:
        raise damaged(place)
    return keys


def seal_with(key: bytes, header: bytes, data: bytes, context: str) -> bytes:
    """Encrypt `data` with a key; `header` stands in front, and it opens only with the same header and context."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return header + nonce + AESGCM(key).encrypt(nonce, data, header + _bytes(context))


def open_with(key: bytes, header: bytes, sealed: bytes, context: str) -> bytes:
    """Decrypt what `seal_with` made. Raises SealError."""
    start = len(header)
    nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
    if len(nonce) != _NONCE_BYTES:
        raise SealError("a stored value is cut short")
    try:
        return AESGCM(key).decrypt(nonce, body, header + _bytes(context))
    except InvalidTag:
        raise SealError("a stored value has been changed, moved or sealed with another key") from None


def _to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _read_encryption(path: Path) -> tuple[dict[str, bytes], tuple[int, ...]]:
    """The keys, and what the file looked like before they were read."""
    stamp = _stamp(path) if path.exists() else ()
    return _read_lines(read_file(path), f"the key file {path}"), stamp


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
