"""The mail server that the settings name, by which staff are told what is new: for `serve`, `doctor` and a trial."""

import ssl
from datetime import UTC, datetime

from review import notice_mail
from review.notice_mail import MailServer
from review.notices import GIVEN_UP_AFTER, Recipients, Telling
from settings import Settings, SettingsError
from storage import notices
from storage.database import Database


class MailServerError(Exception):
    """The mail server does not take mail from here; one line that says how far it came."""


def mail_server(settings: Settings) -> MailServer | None:
    """The mail server; None when none is named. It is not asked anything here.

    Raises SettingsError for a password file or certificates that cannot be read.
    """
    given, trust = settings.notices, None
    if given.host is None or given.sender is None:
        return None
    if given.security != "none":
        try:
            trust = ssl.create_default_context(cafile=given.ca_file)
        except OSError as error:
            raise SettingsError(f"setting notices.ca_file: {given.ca_file}: {error.strerror or error}") from None
    return MailServer(given.host, given.usual_port, given.security, given.sender, trust, given.login)


def telling(settings: Settings, database: Database) -> Telling | None:
    """What tells staff that something new has come in; None when no mail server is named.

    What nobody is told of any more goes then. Raises SettingsError and DatabaseError.
    """
    server = mail_server(settings)
    if server is None:
        notices.remove_older(database, datetime.now(UTC) - GIVEN_UP_AFTER)
        return None
    return Telling(database, server, recipients(settings), settings.notices.review_address)


def recipients(settings: Settings) -> Recipients:
    """Who is told."""
    return Recipients(settings.notices.recipients or (), settings.notices.municipalities)


def check(settings: Settings) -> None:
    """Connect to the mail server and sign in; nothing is sent. Raises SettingsError and MailServerError."""
    server = mail_server(settings)
    if server is not None:
        try:
            notice_mail.check(server)
        except notice_mail.FAILURES as error:
            raise _not_taken(server, error) from None


def send_trial(settings: Settings) -> list[str]:
    """Send a mail to everybody who would be told of something; the addresses that it was not taken for.

    Raises SettingsError, also when no mail server is named, and MailServerError.
    """
    server = mail_server(settings)
    if server is None:
        raise SettingsError("setting notices.host: there is none, so nobody is told of what is new")
    refused: list[str] = []
    for addresses in recipients(settings).lists():
        try:
            refused += notice_mail.send(server, notice_mail.trial(server, addresses), addresses)
        except notice_mail.FAILURES as error:
            raise _not_taken(server, error) from None
    return refused


def _not_taken(server: MailServer, error: Exception) -> MailServerError:
    """By the kind of the error alone: what a server says may have an address in it, or a password's echo."""
    place = f"{server.host} port {server.port}, security {server.security}"
    return MailServerError(f"the mail server ({place}) does not take mail from here: {type(error).__name__}")
