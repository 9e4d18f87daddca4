"""The e-mail that tells staff that something new has come in: its text, and its way to the mail server.

It says how many things and where they are read, and nothing about them. When it is sent is decided in `notices`.
"""

import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import yaml

TEXTS: Final = Path(__file__).parent / "notices.yml"
ANSWER_SECONDS: Final = 10.0
"""How long the mail server may take for each of its answers."""
FAILURES: Final = (OSError, smtplib.SMTPException, UnicodeError)
"""What a mail server that is away, refuses, or is not what the settings say, raises here."""


@dataclass(frozen=True)
class MailServer:
    """How a mail server is reached, and in whose name. `security`: "starttls", "tls" or "none"; `trust`: whose
    certificates are believed, None without TLS; `login`: user name and password.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    trust: ssl.SSLContext | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)
    seconds: float = ANSWER_SECONDS

    @property
    def domain(self) -> str:
        """The sender's domain: the name that this machine goes by, so that its own is not told."""
        return self.sender.rpartition("@")[2]


@cache
def texts() -> Mapping[str, Any]:
    """What the mails say."""
    return dict(yaml.safe_load(TEXTS.read_text(encoding="utf-8")))


def news(server: MailServer, recipients: Sequence[str], number: int, address: str | None) -> EmailMessage:
    """The mail about so many new things; `address` is that of the review pages, if they have one."""
    said = texts()
    which = "one" if number == 1 else "many"
    first, english = (said[language][which].format(number=number) for language in ("sv", "en"))
    where = [said["sv"]["read"], *([f"{address.rstrip('/')}/inkommet"] if address else [])]
    return _mail(server, recipients, said["subject"], [first, "\n".join(where), said["sv"]["safe"], english])


def trial(server: MailServer, recipients: Sequence[str]) -> EmailMessage:
    """A mail that shows that mails arrive."""
    said = texts()["test"]
    return _mail(server, recipients, said["subject"], [said["sv"], said["en"]])


def send(server: MailServer, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, int]:
    """Hand the mail to the server; returns when the server has taken it for at least one of the recipients.

    For whom it has not: address -> SMTP code. Raises one of FAILURES, and nobody has got it then, as far as is known.
    """
    with _connected(server) as smtp:
        refused = smtp.sendmail(server.sender, list(recipients), message.as_bytes())
    return {address: code for address, (code, _) in refused.items()}


def check(server: MailServer) -> None:
    """Connect, greet, begin TLS and sign in, and send nothing. Raises one of FAILURES."""
    with _connected(server):
        pass


@contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    """A connection on which a mail can be sent. There is no way from starttls or tls to a connection without."""
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, server.domain, timeout=server.seconds, context=server.trust
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, server.domain, timeout=server.seconds)
    try:
        if server.security == "starttls":
            smtp.starttls(context=server.trust)
        smtp.ehlo_or_helo_if_needed()
        if server.login is not None:
            smtp.login(*server.login)
        yield smtp
        with suppress(*FAILURES):
            smtp.putcmd("quit")  # what it answers changes nothing, and may take long
    finally:
        smtp.close()


def _mail(server: MailServer, recipients: Sequence[str], subject: str, paragraphs: Sequence[str]) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = server.sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{uuid4().hex}@{server.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    return message
