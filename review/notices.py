"""Staff are told by e-mail that something new has come in: one mail to each list for all that waits.

A mail that the server has taken may come twice when Kontakt is killed just then; none is lost. Of several processes one
at a time tells a list, and the same lease keeps a minute between two mails: it is left to run out after a mail, and
given back when there was none. What waits is kept in `storage.notices`, what the mail says in `notice_mail`.
"""

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from review import notice_mail
from review.notice_mail import MailServer
from storage import leadership, notices
from storage.database import Database, DatabaseError
from storage.notices import Notice

LOOK_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 60.0
"""From one mail to a list to the next, so that a hundred submissions do not become a hundred mails."""
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=15)
GIVEN_UP_AFTER: Final = timedelta(hours=24)
REFUSED_FOR_GOOD: Final = 500
"""The first SMTP code that says so; those below ask to be tried again."""

logger = structlog.get_logger()


@dataclass(frozen=True)
class Recipients:
    """Who is told: the list of the municipality where it has one of its own, and `general` of everything else."""

    general: tuple[str, ...]
    municipalities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, municipality: str | None) -> tuple[str, ...]:
        """The addresses for what has come in there."""
        return self.municipalities.get(municipality or "", self.general)

    def lists(self) -> tuple[tuple[str, ...], ...]:
        """Every list, each once."""
        return tuple(dict.fromkeys((self.general, *self.municipalities.values())))


@dataclass(frozen=True)
class _Post:
    """To whom one mail goes: all of a list, or those of it (`owed`, as fingerprints) who have not got it yet."""

    addresses: tuple[str, ...]
    owed: frozenset[str] | None


@dataclass(frozen=True)
class Telling:
    """Tells staff of what waits in the database. `address`: of the review pages, for the mail.

    `quiet`: seconds from one mail to a list to the next.
    """

    database: Database
    server: MailServer
    recipients: Recipients
    address: str | None = None
    quiet: float = QUIET_SECONDS

    def run(self, halt: threading.Event) -> None:
        """Look every second until `halt` is set. It takes as long as the mail server does: a thread's work."""
        wait = LOOK_SECONDS
        while not halt.wait(wait):
            try:
                self.once()
            except DatabaseError as error:
                wait = min(wait * 2 + 4, 60.0)
                logger.error("notice.failed", kind=type(error).__name__, retry_in=wait)
            except Exception as error:  # whatever it is, the next notice must not go untold for it
                wait = 60.0
                logger.error("notice.failed", kind=type(error).__name__, retry_in=wait, exc_info=True)
            else:
                wait = LOOK_SECONDS

    def once(self) -> None:
        """Tell of all that is due now. Raises DatabaseError."""
        for post, found in self._posts().items():
            if _due(found, at := leadership.clock(self.database)):
                self._tell(post, at)

    def _posts(self) -> Mapping[_Post, Sequence[Notice]]:
        """What waits, by whom it is to be told to."""
        found: dict[_Post, list[Notice]] = {}
        for notice in notices.waiting(self.database):
            found.setdefault(_Post(self.recipients.of(notice.municipality), notice.owed), []).append(notice)
        return found

    def _tell(self, post: _Post, at: datetime) -> None:
        lease, holder = f"notices:{self._fingerprint(' '.join(post.addresses))}", secrets.token_hex(8)
        if not leadership.hold(self.database, lease, holder, at, self.quiet):
            return
        found = self._posts().get(post, ())  # another process may have told, or failed, in the meantime
        if not (_due(found, at) and self._send(post, found, at)):
            leadership.release(self.database, lease, holder)

    def _send(self, post: _Post, found: Sequence[Notice], at: datetime) -> bool:
        """Whether a mail went to anybody."""
        ids = [notice.id for notice in found]
        addresses = [one for one in post.addresses if post.owed is None or self._fingerprint(one) in post.owed]
        if not addresses:  # they are no longer among the recipients
            notices.remove(self.database, ids)
            return False
        message = notice_mail.news(self.server, addresses, len(found), self.address)
        try:
            refused = notice_mail.send(self.server, message, addresses)
        except notice_mail.FAILURES as error:
            self._failed(found, at, type(error).__name__, post.owed)
            return False
        later = [self._fingerprint(one) for one, code in refused.items() if code < REFUSED_FOR_GOOD]
        if later:
            self._failed(found, at, "RecipientPostponed", later)
        else:
            notices.remove(self.database, ids)
        if lost := len(refused) - len(later):
            logger.error("notice.recipient_refused", number=lost)
        logger.info("notice.sent", number=len(found))
        return True

    def _failed(
        self, found: Sequence[Notice], at: datetime, kind: str, owed: Sequence[str] | frozenset[str] | None
    ) -> None:
        """Try again later, and slower each time; but not what has been tried for a day."""
        old = [notice.id for notice in found if at - notice.created_at > GIVEN_UP_AFTER]
        attempts = max(notice.tries for notice in found) + 1
        wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
        logger.error("notice.failed", kind=kind, attempts=attempts, retry_in=wait.total_seconds())
        notices.postpone(self.database, [notice.id for notice in found if notice.id not in old], at + wait, owed)
        if old:
            notices.remove(self.database, old)
            logger.error("notice.given_up", number=len(old))

    def _fingerprint(self, text: str) -> str:
        return self.database.keyring.fingerprint(text, "notices")


def _due(found: Sequence[Notice], at: datetime) -> bool:
    """All of them at once: one that waits because the server does not answer keeps back what came after it.

    What would have to wait longer than anything ever does is from a clock that was wrong.
    """
    return bool(found) and not any(at < notice.due_at <= at + LONGEST_WAIT for notice in found)
