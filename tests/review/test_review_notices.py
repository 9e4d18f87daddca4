"""Staff are told by e-mail: a real mail server, however it behaves, and what is in every byte of the mail."""

import multiprocessing
import os
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mail_server import LOGIN, MailOffice, mail_server, make_certificate, silent_server
from sqlalchemy import update
from structlog.testing import capture_logs

from review import notice_mail, notices
from review.notice_mail import MailServer
from review.notices import Recipients, Telling
from storage import conversations, leadership
from storage import notices as kept
from storage.conversations import Conversation
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from storage.intake import NewSubmission, make_reference
from storage.notice_tables import NoticeRow

FORK = multiprocessing.get_context("fork")
ANNA, BO, SALA = "anna@example.com", "bo@example.com", "sala@example.com"
RECIPIENTS = Recipients((ANNA, BO), {"sala": (SALA,)})
SENDER = "kontakt@kommunen.example.com"
ADDRESS = "https://handlaggare.example.com/"


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the test's database for notices; a second one stands for another process."""
    make_keys(tmp_path / "keys")
    migrate(url := f"sqlite:///{tmp_path / 'kontakt.db'}")
    opened: list[Database] = []

    def one_more() -> Database:
        opened.append(Database(url, load_keys(tmp_path / "keys"), notices=True))
        return opened[-1]

    yield one_more
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[[], Database]) -> Database:
    return open_database()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("mail") / "server.pem")


@pytest.fixture
def office(certificate: Path) -> Iterator[MailOffice]:
    """A server with STARTTLS, up for the whole test."""
    with mail_server(MailOffice(), certificate) as running:
        yield running


@pytest.fixture
def telling(database: Database, office: MailOffice, certificate: Path) -> Telling:
    """No pause between two mails, where a test does not ask for one."""
    return Telling(database, server_of(office, certificate), RECIPIENTS, ADDRESS, quiet=0.0)


def server_of(office: MailOffice, certificate: Path, **changes: Any) -> MailServer:
    trust = ssl.create_default_context(cafile=certificate)
    values = {"host": "127.0.0.1", "port": office.port, "security": "starttls", "sender": SENDER, "trust": trust}
    return MailServer(**{**values, "seconds": 2.0, **changes})


def send_in(database: Database, municipality: str | None = "kramfors") -> str:
    reference = make_reference()
    before = Conversation("web", f"resident {reference}")
    submission = NewSubmission(
        reference=reference,
        draft_token=f"T{reference}",
        form_id="kontakta_mig",
        form_version=1,
        form_snapshot={"id": "kontakta_mig", "title": {"sv": "Kontakta mig"}, "questions": []},
        answers={"namn": "Elsa Testsson", "telefon": "0701740605"},
        flags=("tolk",),
        municipality=municipality,
        channel="web",
        language="sv",
    )
    conversations.save(
        database, before, before, message_id="1", response={}, at=datetime.now(UTC), submission=submission
    )
    return reference


def make_due(database: Database, *, older: timedelta = timedelta(0)) -> None:
    """As if the time to wait were over."""
    with database.transaction() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(NoticeRow).values(due_at=past))
        if older:
            session.execute(update(NoticeRow).values(created_at=past - older))


def events(printed: str) -> list[str]:
    return re.findall(r"notice\.\w+", printed)


# -- the mail --------------------------------------------------------------------------------------------------------


def test_it_says_that_something_is_new_and_nothing_else(telling: Telling, office: MailOffice) -> None:
    reference = send_in(telling.database)
    telling.once()
    (mail,) = office.mails
    assert (mail.sender, mail.recipients) == (SENDER, (ANNA, BO))
    assert mail.message["Subject"] == "Kontakt: nytt att läsa"
    assert (mail.message["From"], mail.message["To"]) == (SENDER, f"{ANNA}, {BO}")
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f]{32}@kommunen\.example\.com>", mail.message["Message-ID"])
    assert abs(mail.message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert mail.text.splitlines()[0] == "Det har kommit in något nytt i Kontakt."
    assert "https://handlaggare.example.com/inkommet" in mail.text.splitlines()
    for secret in (reference, "Elsa", "Testsson", "1740605", "tolk", "kontakta_mig", "kramfors", "Kramfors"):
        assert secret not in mail.text and secret.encode() not in mail.content
    assert kept.waiting(telling.database) == []


def test_the_name_of_this_machine_is_not_told(telling: Telling, office: MailOffice) -> None:
    send_in(telling.database)
    telling.once()
    (mail,) = office.mails
    assert mail.greeted_as == "kommunen.example.com"
    own = {socket.gethostname(), socket.getfqdn()} - {"localhost"}
    assert [name for name in own if name.encode() in mail.content] == []


def test_it_is_read_in_all_mail_programs(telling: Telling, office: MailOffice) -> None:
    """Bytes of ASCII in short lines, plain text, UTF-8 by its own word."""
    send_in(telling.database)
    telling.once()
    (mail,) = office.mails
    assert mail.content.isascii()
    assert max(map(len, mail.content.splitlines())) <= 78
    assert (mail.message.get_content_type(), mail.message.get_content_charset()) == ("text/plain", "utf-8")


def test_three_are_told_of_in_one_mail(telling: Telling, office: MailOffice) -> None:
    for _ in range(3):
        send_in(telling.database)
    telling.once()
    telling.once()
    (mail,) = office.mails
    assert mail.text.startswith("Det har kommit in 3 nya saker i Kontakt.")
    assert "3 new things have come in." in mail.text


def test_each_list_is_told_of_its_own(telling: Telling, office: MailOffice) -> None:
    for municipality in ("sala", "kramfors", "sala", None):
        send_in(telling.database, municipality)
    telling.once()
    told = {mail.recipients: mail.text.splitlines()[0] for mail in office.mails}
    assert told == dict.fromkeys([(ANNA, BO), (SALA,)], "Det har kommit in 2 nya saker i Kontakt.")
    assert [mail for mail in office.mails if b"sala" in mail.content.replace(SALA.encode(), b"").lower()] == []


def test_without_an_address_of_the_pages_there_is_none(telling: Telling) -> None:
    said = notice_mail.news(telling.server, (ANNA,), 1, None).get_content()
    assert "http" not in said and "handläggare" in said


# -- the way there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_it_is_taken_over_each_kind_of_connection(security: str, database: Database, certificate: Path) -> None:
    secured = None if security == "none" else certificate
    with mail_server(MailOffice(), secured, tls=security == "tls", login=security == "starttls") as office:
        login = LOGIN if security == "starttls" else None
        server = server_of(office, certificate, security=security, login=login)
        notice_mail.check(server)
        assert office.mails == []
        send_in(database)
        Telling(database, server, RECIPIENTS).once()
    assert len(office.mails) == 1


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a certificate of somebody else": ({}, {"trust": ssl.create_default_context()}),
    "another name than the certificate's": ({}, {"host": "127.0.0.2"}),
    "no STARTTLS": ({"plain": True}, {}),
    "another password": ({"login": True}, {"login": ("kontakt", "fel")}),
    "a password that cannot be sent": ({"login": True}, {"login": ("kontakt", "fågel")}),
    "no login": ({"login": True}, {}),
    "a name that is none": ({}, {"host": "mail..example"}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_as_the_settings_say_gets_no_mail(name: str, database: Database, certificate: Path) -> None:
    serving, changes = REFUSALS[name]
    with mail_server(MailOffice(), None if "plain" in serving else certificate, login="login" in serving) as office:
        server = server_of(office, certificate, **changes)
        send_in(database)
        Telling(database, server, RECIPIENTS).once()
        if name != "no login":
            with pytest.raises(notice_mail.FAILURES):
                notice_mail.check(server)
    assert office.mails == []
    (notice,) = kept.waiting(database)
    assert notice.tries == 1


def test_while_the_server_is_down_it_waits_longer_each_time_and_then_one_mail_goes(
    database: Database, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = MailOffice()
    telling = Telling(database, server_of(office, certificate), RECIPIENTS)
    waits = []
    send_in(database)
    for _ in range(10):
        began = datetime.now(UTC)
        telling.once()
        telling.once()  # which is too early, and does nothing
        waits.append(round((kept.waiting(database)[0].due_at - began).total_seconds()))
        make_due(database)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert [notice.tries for notice in kept.waiting(database)] == [10]
    send_in(database)
    with mail_server(office, certificate):
        telling.once()
        telling.once()
    (mail,) = office.mails
    assert "2 nya saker" in mail.text
    assert events(capsys.readouterr().out) == ["notice.failed"] * 10 + ["notice.sent"]


def test_what_came_while_the_server_was_away_waits_with_the_rest(database: Database, certificate: Path) -> None:
    """So that not each submission calls on a server that does not answer."""
    office = MailOffice()
    telling = Telling(database, server_of(office, certificate), RECIPIENTS)
    send_in(database)
    telling.once()
    send_in(database)
    telling.once()
    assert [notice.tries for notice in kept.waiting(database)] == [1, 0]


def test_after_a_day_it_is_given_up_and_the_log_says_so(
    database: Database, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling(database, server_of(MailOffice(), certificate), RECIPIENTS)
    send_in(database)
    make_due(database, older=timedelta(hours=23, minutes=59))
    telling.once()
    assert len(kept.waiting(database)) == 1
    make_due(database, older=timedelta(hours=24))
    telling.once()
    assert kept.waiting(database) == []
    assert events(capsys.readouterr().out) == ["notice.failed", "notice.failed", "notice.given_up"]


def test_what_waited_while_kontakt_was_off_for_days_is_tried_first(telling: Telling, office: MailOffice) -> None:
    send_in(telling.database)
    make_due(telling.database, older=timedelta(days=5))
    telling.once()
    assert len(office.mails) == 1


def test_a_time_from_a_clock_that_was_wrong_keeps_nothing_back(telling: Telling, office: MailOffice) -> None:
    send_in(telling.database)
    (notice,) = kept.waiting(telling.database)
    kept.postpone(telling.database, [notice.id], datetime.now(UTC) + timedelta(days=400), None)
    telling.once()
    assert len(office.mails) == 1


def test_a_recipient_that_is_refused_for_good_keeps_nobody_from_it(
    telling: Telling, office: MailOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    office.refused[BO] = "550 5.1.1 no such mailbox"
    send_in(telling.database)
    telling.once()
    assert [mail.recipients for mail in office.mails] == [(ANNA,)]
    assert kept.waiting(telling.database) == []
    printed = capsys.readouterr().out
    assert events(printed) == ["notice.recipient_refused", "notice.sent"]
    assert "example.com" not in printed and "mailbox" not in printed


def test_while_everybody_is_refused_it_is_tried_again(telling: Telling, office: MailOffice) -> None:
    office.refused = {ANNA: "550 5.7.1 relaying denied", BO: "550 5.7.1 relaying denied"}
    send_in(telling.database)
    telling.once()
    assert [notice.tries for notice in kept.waiting(telling.database)] == [1]
    office.refused.clear()
    make_due(telling.database)
    telling.once()
    assert [mail.recipients for mail in office.mails] == [(ANNA, BO)]


def test_greylisting_of_everybody_is_waited_out(telling: Telling, office: MailOffice) -> None:
    office.refused = dict.fromkeys((ANNA, BO), "451 4.7.1 greylisted, come back later")
    send_in(telling.database)
    telling.once()
    office.refused.clear()
    telling.once()
    assert office.mails == []
    make_due(telling.database)
    telling.once()
    assert [mail.recipients for mail in office.mails] == [(ANNA, BO)]


def test_greylisting_of_one_gives_the_others_their_mail_once_and_him_his_later(
    telling: Telling, office: MailOffice
) -> None:
    office.refused[BO] = "451 4.7.1 greylisted, come back later"
    send_in(telling.database)
    telling.once()
    send_in(telling.database)
    telling.once()
    assert [mail.recipients for mail in office.mails] == [(ANNA,), (ANNA,)]
    office.refused.clear()
    make_due(telling.database)
    telling.once()
    assert [mail.recipients for mail in office.mails] == [(ANNA,), (ANNA,), (BO,)]
    assert "2 nya saker" in office.mails[-1].text
    assert kept.waiting(telling.database) == []


def test_who_is_no_longer_told_is_not_waited_for(telling: Telling, office: MailOffice) -> None:
    office.refused[BO] = "451 4.7.1 greylisted, come back later"
    send_in(telling.database)
    telling.once()
    make_due(telling.database)
    Telling(telling.database, telling.server, Recipients((ANNA,)), quiet=0.0).once()
    assert (len(office.mails), kept.waiting(telling.database)) == (1, [])


@pytest.mark.parametrize("answer", ["451 4.3.0 later", "554 5.7.1 rejected"])
def test_a_mail_that_is_refused_as_a_whole_is_tried_again(answer: str, telling: Telling, office: MailOffice) -> None:
    office.answer = answer
    send_in(telling.database)
    telling.once()
    assert [notice.tries for notice in kept.waiting(telling.database)] == [1]


def test_a_connection_that_breaks_after_the_mail_repeats_it_once_at_most(telling: Telling, office: MailOffice) -> None:
    office.drops = True
    send_in(telling.database)
    telling.once()
    assert [notice.tries for notice in kept.waiting(telling.database)] == [1]
    office.drops = False
    make_due(telling.database)
    telling.once()
    telling.once()
    assert len(office.mails) == 2


def test_a_server_that_says_nothing_is_left_in_time(database: Database, certificate: Path) -> None:
    with silent_server() as port:
        server = server_of(MailOffice(port), certificate)
        send_in(database)
        began = time.monotonic()
        Telling(database, server, RECIPIENTS).once()
        assert 1.5 < time.monotonic() - began < 4
    assert [notice.tries for notice in kept.waiting(database)] == [1]
    assert notice_mail.ANSWER_SECONDS == 10


# -- once, and not too often -----------------------------------------------------------------------------------------


def test_within_a_minute_there_is_one_mail(telling: Telling, office: MailOffice) -> None:
    paced = Telling(telling.database, telling.server, RECIPIENTS, quiet=notices.QUIET_SECONDS)
    for _ in range(3):
        send_in(telling.database)
        paced.once()
    assert len(office.mails) == 1
    assert len(kept.waiting(telling.database)) == 2


def test_a_hundred_submissions_are_a_few_mails(telling: Telling, office: MailOffice) -> None:
    halt = threading.Event()
    paced = Telling(telling.database, telling.server, RECIPIENTS, quiet=3.0)
    thread = threading.Thread(target=paced.run, args=(halt,))
    thread.start()
    for _ in range(100):
        send_in(telling.database)
        time.sleep(0.02)
    deadline = time.monotonic() + 20
    while kept.waiting(telling.database) and time.monotonic() < deadline:
        time.sleep(0.1)
    halt.set()
    thread.join()
    told = [int(number) for mail in office.mails for number in re.findall(r"in (\d+) nya saker", mail.text)]
    ones = sum("något nytt" in mail.text for mail in office.mails)
    assert sum(told) + ones == 100
    assert len(office.mails) <= 4


def test_of_two_processes_one_tells(
    open_database: Callable[[], Database], office: MailOffice, certificate: Path
) -> None:
    processes = [Telling(open_database(), server_of(office, certificate), RECIPIENTS) for _ in range(4)]
    send_in(open_database())
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(process.once) for process in processes]:
            done.result()
    assert len(office.mails) == 1


def test_killed_between_taking_and_forgetting_it_comes_twice_at_most(
    open_database: Callable[[], Database], office: MailOffice, certificate: Path
) -> None:
    """Killed as soon as the server has the mail; the next process waits out its lease and tells again."""
    database = open_database()
    send_in(database)
    pids: list[int] = []
    office.taken = lambda: os.kill(pids.pop(), signal.SIGKILL) if pids else None

    def tell() -> None:
        time.sleep(0.3)
        Telling(open_database(), server_of(office, certificate), RECIPIENTS, quiet=2.0).once()

    process = FORK.Process(target=tell)
    process.start()
    assert process.pid is not None
    pids.append(process.pid)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert (len(office.mails), len(kept.waiting(database))) == (1, 1)
    after = Telling(database, server_of(office, certificate), RECIPIENTS, quiet=2.0)
    deadline = time.monotonic() + 10
    while kept.waiting(database) and time.monotonic() < deadline:
        after.once()
        time.sleep(0.2)
    after.once()
    assert (len(office.mails), kept.waiting(database)) == (2, [])


def test_a_failure_does_not_hold_the_list_up_for_another_process(database: Database, certificate: Path) -> None:
    office = MailOffice()
    send_in(database)
    Telling(database, server_of(office, certificate), RECIPIENTS).once()
    make_due(database)
    with mail_server(office, certificate):
        Telling(database, server_of(office, certificate), RECIPIENTS).once()
    assert len(office.mails) == 1


def test_where_nothing_waits_nobody_is_called_and_nothing_is_written(telling: Telling, office: MailOffice) -> None:
    before = office.connections
    halt = threading.Event()
    threading.Timer(2.5, halt.set).start()
    telling.run(halt)
    assert office.connections == before
    assert leadership.hold(telling.database, "notices", "somebody", datetime.now(UTC), 1)


def test_what_nobody_has_foreseen_does_not_end_it(telling: Telling, office: MailOffice) -> None:
    """An address that no setting lets through is refused by the mail itself."""
    odd = Telling(telling.database, telling.server, Recipients(("a@example.com\r\nBcc: eve@example.com",)))
    send_in(telling.database)
    halt = threading.Event()
    threading.Timer(2.0, halt.set).start()
    with capture_logs() as logged:
        odd.run(halt)
    assert office.mails == []
    assert [(one["event"], one["kind"], one["retry_in"]) for one in logged] == [("notice.failed", "ValueError", 60)]
    telling.once()
    assert kept.waiting(telling.database) == []
