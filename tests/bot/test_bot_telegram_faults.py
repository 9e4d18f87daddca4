"""When Telegram or the way to it fails: no crash, nothing lost, well again soon after Telegram is."""

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fake_telegram import FakeTelegram, Fault, channel_running, echo, until
from structlog.testing import capture_logs

from bot.channels.telegram_contact import Contact
from bot.channels.telegram_pace import Pace
from storage import deliveries
from storage.database import Database

CHAT = 7300
RECOVERY = 10.0
FAULTS = {
    "500": Fault("status", status=500),
    "502": Fault("status", status=502),
    "504": Fault("status", status=504),
    "reset": Fault("reset"),
    "reset afterwards": Fault("reset", after=True),
    "garbage": Fault("garbage"),
    "JSON of another shape": Fault("odd"),
    "truncated": Fault("truncated"),
    "slow body": Fault("slow", seconds=60),
    "nothing comes back": Fault("hang", seconds=60),
    "409": Fault("status", "getUpdates", status=409),
    "429": Fault("status", status=429, body={"parameters": {"retry_after": 2}}),
    "401": Fault("status", status=401),
}


@pytest.fixture
def fake() -> Iterator[FakeTelegram]:
    server = FakeTelegram()
    yield server
    server.close()


@pytest.mark.parametrize("name", FAULTS)
def test_it_comes_back_when_telegram_does(fake: FakeTelegram, database: Database, name: str) -> None:
    """A message before, one during and one after: all answered in order, within 10 s of the end of the trouble."""
    fault = FAULTS[name]
    with capture_logs() as logged, channel_running(fake, echo(database), database, pace=Pace(refused_wait=2)):
        fake.say(CHAT, "före")
        fake.wait_for(CHAT, "svar före")
        fake.fault(Fault(fault.how, fault.method, after=fault.after, seconds=fault.seconds, status=fault.status,
                         body=fault.body))  # fmt: skip
        fake.say(CHAT, "under")
        deliveries.send_later(database, "telegram", [deliveries.Outgoing(str(CHAT + 1), _reply("dig"))], _now())
        time.sleep(1.5)
        fake.heal()
        healed = time.monotonic()
        fake.say(CHAT, "efter")
        until(lambda: "svar efter" in fake.texts(CHAT) and fake.texts(CHAT + 1) != [], RECOVERY)
        assert max(fake.arrivals[CHAT][-1], fake.arrivals[CHAT + 1][0]) - healed <= RECOVERY
    said = fake.texts(CHAT)
    assert list(dict.fromkeys(said)) == ["svar före", "svar under", "svar efter"]
    assert fault.after or len(said) == 3
    assert "telegram.loop_failed" not in {one["event"] for one in logged}
    assert deliveries.waiting(database, "telegram") == []
    assert deliveries.due(database, "telegram", _now() + timedelta(days=1)) == []


@pytest.mark.parametrize("how", ["reset", "truncated", "hang"])
def test_a_lost_confirmation_repeats_a_message_and_never_its_effect(
    fake: FakeTelegram, database: Database, how: str
) -> None:
    handled: list[str] = []

    def seconds(turn: object) -> float:
        handled.append("once")
        return 0.0

    fake.fault(Fault(how, "sendMessage", after=True, times=1, seconds=8))
    fake.say(CHAT, "hej")
    with channel_running(fake, echo(database, seconds), database):
        until(lambda: len(fake.texts(CHAT)) == 2, 15)
        fake.say(CHAT, "du")
        fake.wait_for(CHAT, "svar du")
    assert (fake.texts(CHAT), handled) == (["svar hej", "svar hej", "svar du"], ["once", "once"])


def test_a_certificate_that_is_not_trusted_ends_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, stranger = _certificate(tmp_path / "trusted"), _certificate(tmp_path / "stranger")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.crt"))
    fake = FakeTelegram(tls=stranger)
    try:
        with channel_running(fake, echo(database), database):
            fake.say(CHAT, "hej")
            time.sleep(2)
            assert fake.calls == []
            fake.tls = trusted
            assert until(lambda: fake.texts(CHAT) == ["svar hej"], RECOVERY) <= RECOVERY
    finally:
        fake.close()


def test_large_answers_on_a_poor_line_come_in_smaller_parts(fake: FakeTelegram, database: Database) -> None:
    fake.fault(Fault("truncated", "getUpdates", times=3))
    for number in range(40):
        fake.say(CHAT + number % 4, f"{number}")
    with channel_running(fake, echo(database), database):
        until(lambda: sum(len(fake.texts(CHAT + chat)) for chat in range(4)) == 40, 20)
    limits = [int(values["limit"]) for method, values in fake.asked if method == "getUpdates"]
    assert limits[:4] == [100, 50, 25, 12]
    assert fake.texts(CHAT) == [f"svar {number}" for number in range(0, 40, 4)]


def test_a_backlog_of_100_is_answered_after_a_restart(fake: FakeTelegram, database: Database) -> None:
    """Some wait at Telegram, some in the inbox, some in the outbox."""
    with channel_running(fake, echo(database, lambda turn: 0.02), database):
        for number in range(30):
            fake.say(CHAT + number % 10, f"{number}")
        until(lambda: fake.texts(CHAT) != [])
    for number in range(30, 100):
        fake.say(CHAT + number % 10, f"{number}")
    with channel_running(fake, echo(database), database):
        until(lambda: sum(len(fake.texts(CHAT + chat)) for chat in range(10)) >= 100, 30)
    for chat in range(10):
        assert fake.texts(CHAT + chat) == [f"svar {number}" for number in range(chat, 100, 10)]


class Clock:
    def __init__(self) -> None:
        self.minutes = 0.0

    def __call__(self) -> float:
        return self.minutes * 60


def test_the_alarm_comes_after_a_quarter_of_an_hour_and_then_every_hour() -> None:
    clock, events = Clock(), []
    contact = Contact(Pace(), clock)
    for minute in range(200):
        clock.minutes = minute
        with capture_logs() as logged:
            contact.check()
            if minute in (150, 151):
                contact.reached()
        events += [(minute, one["event"], one["log_level"], one.get("minutes")) for one in logged]
    assert events == [
        (15, "telegram.silent", "error", 15),
        (75, "telegram.silent", "error", 75),
        (135, "telegram.silent", "error", 135),
        (150, "telegram.back", "warning", None),
        (166, "telegram.silent", "error", 15),
    ]


def test_the_alarm_is_given_while_telegram_is_away_and_ends_when_it_is_back(
    fake: FakeTelegram, database: Database
) -> None:
    fake.fault(Fault("status", status=500))
    with capture_logs() as logged, channel_running(fake, echo(database), database, pace=Pace(silent=0.4)):
        until(lambda: "telegram.silent" in {one["event"] for one in logged})
        fake.heal()
        until(lambda: "telegram.back" in {one["event"] for one in logged})
    failures = [one["failures"] for one in logged if one["event"] == "telegram.poll_failed"]
    assert failures == [2**number for number in range(len(failures))]


def _reply(text: str) -> dict[str, object]:
    return {"text": text, "choices": [], "sources": [], "progress": None, "tone": "normal", "expects": None,
            "source_word": "Källa"}  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


def _certificate(path: Path) -> ssl.SSLContext:
    """A server's certificate for loopback, signed by itself; kept in .crt for those who trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - timedelta(days=1))
        .not_valid_after(_now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.with_suffix(".crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path.with_suffix(".crt"), path.with_suffix(".key"))
    return context
