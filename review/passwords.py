"""Passwords: hashing with argon2id, checking without telling whether the account exists, and the rule for new
ones.

Storing the hash and counting failed attempts is left to `storage.reviewers`.
"""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 200
FEWEST_DIFFERENT = 5


class Passwords:
    """Argon2id with 64 MiB and three passes (OWASP asks for at least 19 MiB and two).

    At most two passwords are hashed at a time, so that a burst of attempts cannot take all memory.
    """

    def __init__(self, *, memory_kib: int = 65536, passes: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._room = threading.BoundedSemaphore(2)
        self._nobody = self.hash("ingen har det här lösenordet")

    def hash(self, password: str) -> str:
        """The encoded hash to store."""
        with self._room:
            return self._hasher.hash(_normal(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether the password fits. `None` (no such account) costs the same time and never fits."""
        with self._room:
            try:
                self._hasher.verify(stored or self._nobody, _normal(password))
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the stored hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)


def password_problem(password: str, username: str) -> str | None:
    """What is wrong with a new password, in Swedish; None when it will do."""
    password = _normal(password)
    if len(password) < SHORTEST:
        return f"Lösenordet behöver vara minst {SHORTEST} tecken."
    if len(password) > LONGEST:
        return f"Lösenordet får vara högst {LONGEST} tecken."
    if len(set(password)) < FEWEST_DIFFERENT:
        return f"Lösenordet behöver ha minst {FEWEST_DIFFERENT} olika tecken."
    if username and username.casefold() in password.casefold():
        return "Lösenordet får inte innehålla användarnamnet."
    return None


def _normal(password: str) -> str:
    """One Unicode form, so that å typed on different keyboards is the same å."""
    return unicodedata.normalize("NFC", password)
