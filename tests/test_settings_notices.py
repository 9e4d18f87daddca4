"""The settings of the mail to staff: what is missing or cannot be is one line, and no address brings a header along."""

import os
import re
from pathlib import Path

import pytest

import mailing
from settings import NoticeSettings, Settings, SettingsError, load_settings

GOOD = "host = 'mail.example.com'\nsender = 'kontakt@example.com'\nrecipients = ['anna@example.com']\n"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KONTAKT_")]:
        monkeypatch.delenv(name)


def read(directory: Path, text: str) -> Settings:
    file = directory / "kontakt.toml"
    file.write_text(f"[notices]\n{text}", encoding="utf-8")
    return load_settings(file)


def test_it_is_off_by_default(tmp_path: Path) -> None:
    settings = read(tmp_path, "")
    assert settings.notices == NoticeSettings()
    assert settings.notices.host is None
    assert mailing.mail_server(settings) is None


@pytest.mark.parametrize(
    ("more", "port"), [("", 587), ("security = 'tls'", 465), ("port = 2525", 2525), ("security = 'tls'\nport = 26", 26)]
)
def test_the_port_is_the_usual_one(more: str, port: int, tmp_path: Path) -> None:
    server = mailing.mail_server(read(tmp_path, GOOD + more))
    assert server is not None
    assert (server.host, server.port, server.login) == ("mail.example.com", port, None)
    assert server.trust is not None and server.trust.check_hostname


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_on_this_machine_it_may_go_in_the_clear(host: str, tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD.replace("mail.example.com", host) + "security = 'none'")
    server = mailing.mail_server(settings)
    assert server is not None
    assert (server.port, server.trust) == (25, None)


@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.5", "localhost.example.com", "0.0.0.0"])
def test_to_another_machine_it_may_not(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="security none is only for a mail server on this machine"):
        read(tmp_path, GOOD.replace("mail.example.com", host) + "security = 'none'")


INJECTIONS = [
    "anna@example.com\r\nBcc: eve@example.com",
    "anna@example.com\nSubject: x",
    "anna@example.com\r",
    "anna@example.com\n",
    "\nanna@example.com",
    "anna@example.com\x00",
    "anna@example.com\x0b",
    "anna@example.com\x0c",
    "anna@example.com\x85",
    "anna@example.com\u2028",
    "anna\r\n@example.com",
    "anna@exa\r\nmple.com",
    "anna@example.com, eve@example.com",
    "anna@example.com; eve@example.com",
    "Anna <anna@example.com>",
    "<anna@example.com>",
    "anna@example.com> SIZE=1",
    "anna@example.com%0d%0aBcc:eve@example.com",
    '"anna\r\n"@example.com',
    "=?utf-8?q?anna=0D=0ABcc=3A?=@example.com eve",
    "anna",
    "@example.com",
    "anna@",
    "anna@@example.com",
    "anna@-example.com",
    "anna@example..com",
    "anna@götene.example.com",
    "åsa@example.com",
    "a" * 65 + "@example.com",
    "a@" + "b" * 260,
    "",
    " ",
]


@pytest.mark.parametrize("place", ["sender", "recipients", "municipalities"])
@pytest.mark.parametrize("address", INJECTIONS)
def test_an_address_that_is_none_stops_the_start(address: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {"host": "localhost", "sender": "k@example.com", "recipients": ("a@example.com",)}
    given[place] = {"sender": address, "recipients": (address,), "municipalities": {"sala": (address,)}}[place]
    with pytest.raises(SettingsError) as raised:
        load_settings(notices=given)
    said = str(raised.value)
    assert said.startswith(f"setting notices.{place}") and len(said.splitlines()) == 1
    assert "eve@" not in said and "Bcc" not in said


@pytest.mark.parametrize("address", ["a@b", "anna.ek+kontakt@socialtjanst.exempel.example.com", "o'neil@10.0.0.5"])
def test_an_ordinary_address_is_taken(address: str) -> None:
    assert load_settings(notices={"sender": address}).notices.sender == address


BAD = [
    ("host = 'mail.example.com'", "notices: with a host, sender and recipients must be set"),
    ("host = 'mail.example.com'\nsender = 'a@example.com'", "notices: with a host, sender and recipients must be set"),
    (GOOD.replace("['anna@example.com']", "[]"), "notices.recipients: "),
    (GOOD.replace("mail.example.com", "mail example com"), "notices.host: "),
    (GOOD.replace("mail.example.com", "a\\nb").replace("'a\\nb'", '"a\\nb"'), "notices.host: "),
    (GOOD + "port = 0", "notices.port: "),
    (GOOD + "security = 'some'", "notices.security: "),
    (GOOD + "username = 'k'", "notices: username goes with one of password and password_file"),
    (GOOD + "password = 'hemlig'", "notices: username goes with one of password and password_file"),
    (GOOD + "username = 'k'\npassword = 'hemlig'\npassword_file = '/a'", "notices: username goes with one of"),
    (GOOD + "review_address = 'handlaggare.example.com'", "notices.review_address: "),
    (GOOD + 'review_address = "https://a\\nBcc: b"', "notices.review_address: "),
    (GOOD + "hosts = 'a'", "notices.hosts: there is no such setting"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_what_cannot_be_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        read(tmp_path, text)
    said = str(raised.value)
    assert problem in said and "hemlig" not in said
    assert "\n" not in said


def test_a_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONTAKT_NOTICES__PASSWORD", "hemlig")
    monkeypatch.setenv("KONTAKT_NOTICES__RECIPIENTS", '["bo@example.com"]')
    settings = read(tmp_path, GOOD + "username = 'kontakt'")
    server = mailing.mail_server(settings)
    assert server is not None
    assert server.login == ("kontakt", "hemlig")
    assert settings.notices.recipients == ("bo@example.com",)
    assert "hemlig" not in f"{settings!r} {server!r}"


def with_password_file(directory: Path) -> Settings:
    return read(directory, GOOD + f"username = 'kontakt'\npassword_file = '{directory / 'password'}'")


def test_a_password_may_stand_in_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("fyra lugna gula hus\n", encoding="utf-8")
    file.chmod(0o600)
    assert with_password_file(tmp_path).notices.login == ("kontakt", "fyra lugna gula hus")


PASSWORD_FILES = [
    (None, 0o600, "No such file"),
    (b"hemlig", 0o640, "can be read by others: chmod 600"),
    (b"hemlig", 0o604, "can be read by others: chmod 600"),
    (b"\xff\xfe", 0o600, "not UTF-8"),
    (b"", 0o600, "is empty"),
    (b"\nhemlig", 0o600, "is empty"),
]


@pytest.mark.parametrize(("content", "mode", "problem"), PASSWORD_FILES)
def test_a_password_file_that_cannot_be_used_is_one_line(
    content: bytes | None, mode: int, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    settings = with_password_file(tmp_path)
    with pytest.raises(SettingsError, match=re.escape(problem)) as raised:
        mailing.mail_server(settings)
    assert str(file) in str(raised.value) and "hemlig" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_used_are_one_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    settings = read(tmp_path, GOOD + f"ca_file = '{file}'")
    with pytest.raises(SettingsError, match=r"setting notices\.ca_file: ") as raised:
        mailing.mail_server(settings)
    assert "\n" not in str(raised.value)
