"""Keys and sealing: AES-256-GCM for what is stored, HMAC-SHA256 for what must be found again without being readable.

Three files in one directory, each 0600: `encryption.keys` (lines of "key id, base64"; the first line seals, every line
opens), `lookup.key` (fingerprints) and `session.key` (for the web side's own cookies). Replacing keys in rows already
written is not done here; the key id in front of each sealed value is what makes it possible.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENCRYPTION_FILE: Final = "encryption.keys"
LOOKUP_FILE: Final = "lookup.key"
SESSION_FILE: Final = "session.key"

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


class KeyFileError(Exception):
    """A key file is missing, readable by others or damaged; the message is one line that names the fix."""


class SealError(Exception):
    """A sealed value cannot be opened: unknown key, wrong context, or changed since it was written."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """The keys of one installation. `sealing` is the id of the key that seals; all in `keys` can open."""

    sealing: str
    keys: Mapping[str, bytes]
    lookup: bytes
    session_secret: bytes

    def seal(self, data: bytes, context: str) -> bytes:
        """Encrypt `data`; it opens only with the same `context` (say: table, row and column)."""
        key_id = self.sealing.encode("ascii")
        header = _FORMAT + bytes([len(key_id)]) + key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.keys[self.sealing]).encrypt(nonce, data, header + _bytes(context))
        return header + nonce + sealed

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt what `seal` made. Raises SealError."""
        if len(sealed) < 2 or sealed[:1] != _FORMAT:
            raise SealError("a stored value is not in the sealed format")
        start = 2 + sealed[1]
        key = self.keys.get(sealed[2:start].decode("ascii", "replace"))
        if key is None:
            raise SealError("a stored value is sealed with a key that is not among the key files")
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        if len(nonce) != _NONCE_BYTES:
            raise SealError("a stored value is cut short")
        try:
            return AESGCM(key).decrypt(nonce, body, sealed[:start] + _bytes(context))
        except InvalidTag:
            raise SealError("a stored value has been changed, moved or sealed with another key") from None

    def seal_json(self, value: Any, context: str) -> bytes:
        """Seal a plain JSON value. Lone surrogates and NUL survive the round trip."""
        return self.seal(json.dumps(value, separators=(",", ":")).encode("ascii"), context)

    def open_json(self, sealed: bytes, context: str) -> Any:
        """The value that `seal_json` was given. Raises SealError."""
        return json.loads(self.open(sealed, context))

    def fingerprint(self, text: str, purpose: str) -> str:
        """A keyed fingerprint, 64 hex digits: equal texts of one purpose are equal, nothing can be read from it."""
        message = _bytes(purpose) + b"\x00" + _bytes(text)
        return hmac.new(self.lookup, message, hashlib.sha256).hexdigest()


def make_keys(directory: Path) -> None:
    """Make the key files that are missing (files 0600, directory 0700). A file that exists is never written to."""
    if not directory.exists():
        directory.mkdir(parents=True, mode=0o700)
    if not any(directory.iterdir()):
        directory.chmod(0o700)
    _make_file(directory / ENCRYPTION_FILE, f"{secrets.token_hex(4)} {_new_key()}\n")
    _make_file(directory / LOOKUP_FILE, f"{_new_key()}\n")
    _make_file(directory / SESSION_FILE, f"{_new_key()}\n")


def load_keys(directory: Path) -> Keyring:
    """Read the key files. Raises KeyFileError when one is missing, readable by others or damaged."""
    if not directory.is_dir():
        raise KeyFileError(f"the key directory {directory} is missing: restore it from the backup of the keys")
    _refuse_open_to_others(directory, "700")
    keys: dict[str, bytes] = {}
    path = directory / ENCRYPTION_FILE
    for line in _read_file(path).splitlines():
        if not line.strip():
            continue
        key_id, _, encoded = line.strip().partition(" ")
        if not _KEY_ID.fullmatch(key_id) or key_id in keys:
            raise _damaged(path)
        keys[key_id] = _decode_key(encoded, path)
    if not keys:
        raise _damaged(path)
    return Keyring(
        sealing=next(iter(keys)),
        keys=keys,
        lookup=_decode_key(_read_file(directory / LOOKUP_FILE), directory / LOOKUP_FILE),
        session_secret=_decode_key(_read_file(directory / SESSION_FILE), directory / SESSION_FILE),
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def _make_file(path: Path, content: str) -> None:
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
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read_file(path: Path) -> str:
    try:
        _refuse_open_to_others(path, "600")
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise KeyFileError(f"the key file {path} is missing: restore it from the backup of the keys") from None
    except UnicodeDecodeError:
        raise _damaged(path) from None
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read ({error.strerror})") from None


def _refuse_open_to_others(path: Path, mode: str) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError(f"{path} is open to other users of this machine: run chmod {mode} {path}")


def _decode_key(encoded: str, path: Path) -> bytes:
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise _damaged(path) from None
    if len(key) != _KEY_BYTES:
        raise _damaged(path)
    return key


def _damaged(path: Path) -> KeyFileError:
    return KeyFileError(f"the key file {path} is damaged: restore it from the backup of the keys")
