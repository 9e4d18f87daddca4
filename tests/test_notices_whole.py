"""From a resident who sends something in to the e-mail that staff get, with `kontakt serve` as a process."""

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from canaries import Canaries, Walker
from canary_life import on_web
from http_people import Resident
from mail_server import LOGIN, MailOffice, mail_server, make_certificate, silent_server
from running_kontakt import RunningKontakt

from forms.form import Form

TO = ("anna@example.com", "bo@example.com")
SENDER = "kontakt@kommunen.example.com"
ADDRESS = "https://handlaggare.example.com"
PLACES = ("sala", "kramfors", "vingåker", "götene")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("mail") / "server.pem")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[Callable[[str], RunningKontakt]]:
    """Starts `kontakt serve` with these words in its kontakt.toml."""
    started: list[RunningKontakt] = []

    def one(settings: str) -> RunningKontakt:
        var = tmp_path_factory.mktemp("notices") / "var"
        var.mkdir(mode=0o700)
        (var / "kontakt.toml").write_text(settings, encoding="utf-8")
        (var / "password").write_text(f"{LOGIN[1]}\n", encoding="utf-8")
        (var / "password").chmod(0o600)
        environment = {
            "KONTAKT_CONFIG": str(var / "kontakt.toml"),
            "KONTAKT_NOTICES__PASSWORD_FILE": str(var / "password"),
        }
        started.append(RunningKontakt(var, nlu_model, **environment))
        started[-1].wait_until_up()
        return started[-1]

    yield one
    for running in started:
        running.stop(signal.SIGKILL)


def settings_for(port: int, certificate: Path) -> str:
    lines = {"host": "localhost", "username": LOGIN[0], "sender": SENDER, "review_address": ADDRESS}
    texts = [f'{name} = "{value}"' for name, value in {**lines, "ca_file": str(certificate)}.items()]
    return "\n".join(["[notices]", f"port = {port}", f"recipients = {list(TO)}", *texts])


def send_in(kontakt: RunningKontakt, forms: dict[str, Form], canaries: Canaries) -> str:
    """Ask to be contacted, with canaries in every answer; the reference."""
    say, tap = on_web(Resident(kontakt.web, "?kommun=sala"))
    asked = Walker(canaries).fill(forms["kontakta_mig"], 0, say, tap, send=True)
    assert asked.reference
    return asked.reference


def rows(kontakt: RunningKontakt) -> int:
    with closing(sqlite3.connect(kontakt.var / "kontakt.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM notices").fetchone()[0])


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """How long it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def test_staff_have_a_mail_within_five_seconds_and_nothing_of_the_resident_is_in_it(
    start: Callable[[str], RunningKontakt],
    forms: dict[str, Form],
    certificate: Path,
    record_property: Callable[[str, object], None],
) -> None:
    office, canaries = MailOffice(), Canaries()
    kontakt = start(settings_for(office.port, certificate))
    with mail_server(office, certificate, login=True):
        reference = send_in(kontakt, forms, canaries)
        seconds = wait_for(lambda: bool(office.mails), 5)
        wait_for(lambda: rows(kontakt) == 0, 5)
        assert kontakt.run("doctor").stdout.count("ok    mail server") == 1
    record_property("seconds_from_receipt_to_mail", round(seconds, 2))
    (mail,) = office.mails
    assert (mail.sender, mail.recipients) == (SENDER, TO)
    assert f"{ADDRESS}/inkommet" in mail.text
    assert canaries.words and canaries.numbers
    assert canaries.found_in(mail.content) == canaries.found_in(mail.text.encode()) == set()
    everything = (mail.content.decode() + mail.text).lower()
    for word in (reference.lower(), "kontakta_mig", "kontakta mig", "barn", *PLACES):
        assert word not in everything
    assert re.search(r'"notice\.sent"', kontakt.printed)
    assert "example.com" not in "".join(line for line in kontakt.printed.splitlines() if '"notice' in line)
    # The server goes away: what comes now waits, and is told once when it is back.
    send_in(kontakt, forms, canaries)
    assert "FAIL  mail server: the mail server (localhost port " in kontakt.run("doctor").stdout
    assert rows(kontakt) == 1
    assert kontakt.stop() < 10
    assert kontakt.process.returncode == 0


def test_a_mail_server_that_says_nothing_does_not_hold_up_the_end(
    start: Callable[[str], RunningKontakt], forms: dict[str, Form], certificate: Path
) -> None:
    with silent_server() as port:
        kontakt = start(settings_for(port, certificate))
        send_in(kontakt, forms, Canaries())
        time.sleep(2)
        assert kontakt.stop() < 10
        assert kontakt.process.returncode == 0
    assert rows(kontakt) == 1


def test_without_a_mail_server_nothing_waits(start: Callable[[str], RunningKontakt], forms: dict[str, Form]) -> None:
    kontakt = start("")
    send_in(kontakt, forms, Canaries())
    assert rows(kontakt) == 0
    assert "mail server" not in kontakt.run("doctor").stdout
    assert '"notice' not in kontakt.printed


def test_a_trial_goes_to_everybody_who_would_be_told(start: Callable[[str], RunningKontakt], certificate: Path) -> None:
    """Without a service that runs: the settings are enough."""
    office = MailOffice()
    kontakt = start(settings_for(office.port, certificate) + '\nmunicipalities = { sala = ["sala@example.com"] }')
    kontakt.stop()
    with mail_server(office, certificate, login=True):
        done = kontakt.run("notices", "test")
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(mail.recipients for mail in office.mails) == [TO, ("sala@example.com",)]
        assert office.mails[0].text.startswith("Det här är ett prov.")
        office.refused["bo@example.com"] = "550 5.1.1 no"
        done = kontakt.run("notices", "test")
        assert (done.returncode, done.stderr) == (1, "kontakt: the mail server takes no mail for bo@example.com\n")
    done = kontakt.run("notices", "test")
    assert done.returncode == 1
    assert re.fullmatch(r"kontakt: the mail server \(localhost port \d+, security starttls\) [^\n]+\n", done.stderr)
