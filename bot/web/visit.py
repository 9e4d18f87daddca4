"""The web chat's only cookie: who the sender is, and in which language and municipality the page is
shown.

The cookie is sealed with Fernet under the session secret and lives until the browser is closed. A form
posted without JavaScript also carries a form key bound to the sender, so that no second cookie is needed
against forged posts. Nothing about the conversation is in here.
"""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from litestar.datastructures import Cookie

COOKIE_DAYS = 30
"""A cookie older than this is not accepted; every page load makes a new one."""
_SENDER_BYTES = 32
_FORM_KEY = b"form "
_SEALED = re.compile(r"[A-Za-z0-9_=-]{1,1024}")


@dataclass(frozen=True)
class Visit:
    """One browser: its sender token (256 random bits) and how its pages are shown."""

    sender: str
    language: str = "sv"
    municipality: str | None = None
    """From the link that opened the page; the conversation itself may have come to another one."""
    handed_over: bool = False
    """Whether the conversation has been told that municipality."""
    place: str | None = None
    """The municipality that the conversation has come to, for when it cannot be read."""

    @property
    def to_hand_over(self) -> str | None:
        """The link's municipality until the conversation has been told it: a later choice must stand."""
        return None if self.handed_over else self.municipality


def new_visit(language: str = "sv") -> Visit:
    """A visit for a browser that has none."""
    return Visit(sender=secrets.token_urlsafe(_SENDER_BYTES), language=language)


class Visits:
    """Seals and opens the visit cookie and the form keys."""

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        """`secret` is 32 random bytes, of which a key of its own is made; `secure` keeps the cookie to HTTPS."""
        key = HKDF(SHA256(), length=32, salt=None, info=b"web chat session").derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._secure = secure
        self.cookie_name = "__Host-kontakt" if secure else "kontakt"

    def read(self, cookies: Mapping[str, str]) -> Visit | None:
        """The visit of a request's cookies; None when there is none that is ours, of this version and not too old."""
        opened = self._open(cookies.get(self.cookie_name, ""))
        if opened is None or opened.startswith(_FORM_KEY):
            return None
        try:
            kept = json.loads(opened)
        except ValueError:
            return None
        known = {field.name for field in fields(Visit)}
        return Visit(**kept) if isinstance(kept, dict) and kept.keys() == known else None

    def cookie(self, visit: Visit) -> Cookie:
        """The cookie that carries `visit`, without a maximal age: it ends with the browser."""
        value = self.seal(json.dumps(asdict(visit)).encode())
        return Cookie(
            key=self.cookie_name, value=value, path="/", httponly=True, samesite="strict", secure=self._secure
        )

    def removal(self) -> Cookie:
        """The cookie that makes the browser forget its visit."""
        return Cookie(
            key=self.cookie_name,
            value="",
            path="/",
            max_age=0,
            httponly=True,
            samesite="strict",
            secure=self._secure,
        )

    def form_key(self, visit: Visit) -> str:
        """The hidden value that shows that a posted form came from this sender's page."""
        return self.seal(_FORM_KEY + visit.sender.encode())

    def fits(self, form_key: str, visit: Visit) -> bool:
        """Whether `form_key` was made for the sender of `visit`."""
        opened = self._open(form_key)
        return opened is not None and secrets.compare_digest(opened, _FORM_KEY + visit.sender.encode())

    def seal(self, content: bytes) -> str:
        """`content` as a value that only this secret opens."""
        return self._fernet.encrypt(content).decode()

    def _open(self, sealed: str) -> bytes | None:
        if not _SEALED.fullmatch(sealed):
            return None
        try:
            return self._fernet.decrypt(sealed, ttl=COOKIE_DAYS * 24 * 3600)
        except InvalidToken:
            return None
