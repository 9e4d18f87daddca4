"""A real mail server on this machine, with TLS of its own, that can be told to behave badly."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from running_kontakt import free_port

LOGIN = ("kontakt", "fyra lugna gula hus")
TAKEN = "250 2.0.0 taken"


@dataclass
class Mail:
    """One mail as it came: who the server was told that it is from and to, and every byte of it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    greeted_as: str

    @property
    def message(self) -> EmailMessage:
        """The same, read."""
        read = message_from_bytes(self.content, policy=default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        """What it says."""
        return str(self.message.get_content())


@dataclass
class MailOffice:
    """What came to the server, and how it answers. `refused`: address -> answer; `taken`: called for each mail."""

    port: int = field(default_factory=free_port)
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    answer: str = TAKEN
    drops: bool = False
    """Whether it takes a mail and is gone before it says so."""
    taken: Callable[[], None] = lambda: None

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer == TAKEN:
            assert isinstance(envelope.content, bytes)
            mail = Mail(
                str(envelope.mail_from), tuple(envelope.rcpt_tos), envelope.content, str(session.host_name or "")
            )
            self.mails.append(mail)
            self.taken()
        if self.drops:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            await asyncio.sleep(0)
        return self.answer


def _sign_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == LOGIN
    return AuthResult(success=right, handled=right)


@contextmanager
def mail_server(
    office: MailOffice, certificate: Path | None = None, *, login: bool = False, tls: bool = False
) -> Iterator[MailOffice]:
    """Runs for the block. With a certificate it demands STARTTLS, or TLS from the first byte; `login`: LOGIN too."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    settings: dict[str, Any] = {"require_starttls": context is not None and not tls}
    if context is not None and not tls:
        settings["tls_context"] = context
    if login:
        settings |= {
            "authenticator": _sign_in,
            "auth_required": True,
            "auth_require_tls": context is not None and not tls,
        }
    running = Controller(
        office, hostname="127.0.0.1", port=office.port, ssl_context=context if tls else None, ident="ESMTP", **settings
    )
    running.start()
    try:
        yield office
    finally:
        running.stop()


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and never says anything; its port."""
    kept: list[socket.socket] = []

    def take() -> None:
        while True:
            try:
                kept.append(listener.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def make_certificate(path: Path) -> Path:
    """A certificate of its own for 127.0.0.1 and localhost, with its key, in one file; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
