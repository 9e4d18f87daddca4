"""Kontakt as a whole on PostgreSQL: set up, from a resident to staff, backup, gallring, keys – and the server gone."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_telegram import TOKEN, FakeTelegram
from http_people import Resident, Staff
from postgresql_away import Stoppable, stoppable
from running_kontakt import RunningKontakt

from bot.wording import load_wordings
from storage import audit
from storage.database import Database
from storage.encryption import load_keys

SAY = load_wordings()["sv"]
SALA = "0224-74 70 00"
CHAT = 7311


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Stoppable]:
    with stoppable() as running:
        yield running


@pytest.fixture(scope="module")
def url(postgresql: Stoppable) -> str:
    return postgresql.server.new_url()


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeTelegram]:
    running = FakeTelegram()
    yield running
    running.close()


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, nlu_model: Path, url: str, fake: FakeTelegram
) -> Iterator[Callable[[], RunningKontakt]]:
    """Starts one more `kontakt serve` on the database, as on another machine: a `var` of its own, the same keys."""
    started: list[RunningKontakt] = []

    def one_more() -> RunningKontakt:
        var = tmp_path_factory.mktemp("postgresql") / "var"
        var.mkdir(mode=0o700)
        (var / "kontakt.toml").touch()
        if started:
            shutil.copytree(started[0].var / "keys", var / "keys")
        started.append(
            RunningKontakt(
                var,
                nlu_model,
                KONTAKT_CONFIG=str(var / "kontakt.toml"),
                KONTAKT_DATABASE_URL=url,
                KONTAKT_TELEGRAM_TOKEN=TOKEN,
                KONTAKT_TELEGRAM__BASE_URL=fake.base_url,
            )
        )
        return started[-1]

    yield one_more
    for running in started:
        running.stop()


@pytest.fixture(scope="module")
def kontakt(start: Callable[[], RunningKontakt]) -> RunningKontakt:
    """Over a database that was empty and a `var` without keys: the first start makes both."""
    running = start()
    running.wait_until_up()
    running.wait_until_free_text()
    return running


@pytest.fixture(scope="module")
def reference(kontakt: RunningKontakt) -> str:
    """Of a request to be contacted, sent in over the web chat."""
    return fill_in(Resident(kontakt.web, "?kommun=sala"))


@pytest.fixture(scope="module")
def staff(kontakt: RunningKontakt) -> Staff:
    """Signed in with an account made with the printed link."""
    karin = Staff(kontakt.review)
    karin.make_account(kontakt.invitation())
    assert karin.sign_in() == 303
    return karin


def fill_in(resident: Resident, name: str = "Elsa Testsson") -> str:
    """Ask to be contacted by telephone; the reference. Other questions get their first option, or are skipped."""
    typed = {"telefon": "070-174 06 05", "namn": name}
    answer = resident.say(choice="f:kontakta_mig")
    for _ in range(30):
        labels = {choice["label"]: choice["id"] for choice in answer["replies"][-1]["choices"]}
        slot = (answer["draft"] or {}).get("slot")
        if "Skicka in" in labels:
            answer = resident.say(choice=labels["Skicka in"])
        elif slot in typed:
            answer = resident.say(text=typed[slot])
        else:
            answer = resident.say(choice=labels.get("Hoppa över") or next(iter(labels.values())))
        if answer["submission"]:
            return str(answer["submission"]["reference"])
    raise AssertionError(answer)


def opened(kontakt: RunningKontakt, url: str) -> Database:
    return Database(url, load_keys(kontakt.var / "keys"))


def succeeds(kontakt: RunningKontakt, *arguments: str, stdin: str | None = None) -> str:
    done = kontakt.run(*arguments, stdin=stdin)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def test_the_first_start_makes_keys_and_database(kontakt: RunningKontakt, url: str) -> None:
    assert (kontakt.var / "keys" / "encryption.keys").exists()
    assert not (kontakt.var / "kontakt.db").exists()
    opened(kontakt, url).close()


def test_questions_are_answered(kontakt: RunningKontakt) -> None:
    resident = Resident(kontakt.web, "?kommun=vingaker")
    assert "kostar" in resident.reads(text="Vad kostar det att vara med i kontaktgruppen?")
    assert "kontaktfamilj" in resident.reads(choice="t:what_is:kontaktfamilj").lower()


def test_from_resident_to_staff_and_into_the_audit_trail(
    kontakt: RunningKontakt, staff: Staff, reference: str, url: str
) -> None:
    assert staff.ask("/inkommet") == 200
    assert reference in staff.page
    assert "Elsa Testsson" not in staff.page
    assert staff.ask(f"/inkommet/{reference}") == 200
    assert "Elsa Testsson" in staff.page
    assert staff.post(f"/inkommet/{reference}/anteckning", text="Ringt, inget svar.") == 303
    assert staff.ask(f"/inkommet/{reference}") == 200
    assert "Ringt, inget svar." in staff.page
    assert staff.post(f"/inkommet/{reference}/status", status="in_review", version="1") == 303
    assert staff.ask(f"/inkommet/{reference}") == 200
    assert staff.post(f"/inkommet/{reference}/status", status="in_review", version="1") in (400, 409)
    database = opened(kontakt, url)
    events = [event.event for event in audit.trail(database, reference)]
    database.close()
    assert events[0] == "submission.received"
    assert events.count("submission.opened") >= 3
    assert "submission.status_changed" in events
    assert f"{reference}" in succeeds(kontakt, "submissions", "list", "--status", "in_review")


def test_a_message_that_is_sent_again_gets_the_same_reply(kontakt: RunningKontakt, url: str) -> None:
    resident = Resident(kontakt.web)
    for number in range(3):
        first = resident.turn(f"samma-meddelande-{number}", choice="c:help")
        assert resident.turn(f"samma-meddelande-{number}", choice="c:help") == first


def test_telegram_is_answered_by_one_of_two_processes(
    kontakt: RunningKontakt, start: Callable[[], RunningKontakt], fake: FakeTelegram
) -> None:
    """And what one process began, the other goes on with."""
    second = start()
    second.wait_until_up()
    fake.say(CHAT, "/start sala")
    fake.wait_for(CHAT, "utländsk tjänst")
    fake.say(CHAT, "hjälp")
    time.sleep(2)
    assert len([text for text in fake.texts(CHAT) if "utländsk tjänst" in text]) == 1
    resident = Resident(kontakt.web, "?kommun=sala")
    resident.say(choice="f:kontakta_mig")
    resident.site = second.web
    assert resident.say(choice="Nej")["draft"]["answered"] == 1
    second.stop()


def test_backup_and_restore_into_another_database(
    kontakt: RunningKontakt, postgresql: Stoppable, reference: str, staff: Staff, tmp_path: Path, url: str
) -> None:
    file, other = tmp_path / "kontakt.backup", postgresql.server.new_url()
    succeeds(kontakt, "backup", str(file))
    assert b"Elsa" not in file.read_bytes()
    assert "the audit trail is whole" in succeeds(kontakt, "restore", str(file), "--check")
    var = tmp_path / "var"
    var.mkdir()
    shutil.copytree(kontakt.var / "keys", var / "keys")
    shutil.copy2(kontakt.var / "tombstones", var / "tombstones")
    machine = {"KONTAKT_VAR": str(var), "KONTAKT_DATABASE_URL": other}
    here = dict(kontakt.environment)
    kontakt.environment |= machine
    try:
        succeeds(kontakt, "migrate")
        assert "put back" in succeeds(kontakt, "restore", str(file), "--into", other)
        shown: dict[str, Any] = json.loads(succeeds(kontakt, "submissions", "show", reference, "--json"))
        assert shown["answers"]["namn"] == "Elsa Testsson"
        assert succeeds(kontakt, "audit", "verify") == "the audit trail is whole\n"
        assert kontakt.run("restore", str(file), "--into", other).returncode == 1
    finally:
        kontakt.environment.update(here)


def test_keys_retention_and_audit_commands(kontakt: RunningKontakt, reference: str, tmp_path: Path) -> None:
    old = succeeds(kontakt, "keys", "list").split()[0]
    succeeds(kontakt, "keys", "add")
    assert "values are sealed" in succeeds(kontakt, "keys", "rotate")
    assert old in succeeds(kontakt, "keys", "list")
    assert succeeds(kontakt, "retention", "run") == "nothing\n"
    succeeds(kontakt, "retention", "plan", "--days", "60")
    succeeds(kontakt, "retention", "hold", reference, stdin="Tvist pågår\n")
    succeeds(kontakt, "retention", "release", reference, stdin="Tvisten är slut\n")
    assert succeeds(kontakt, "audit", "verify") == "the audit trail is whole\n"
    assert "whole" in succeeds(kontakt, "audit", "verify")
    assert "Elsa Testsson" in succeeds(kontakt, "submissions", "show", reference)


def test_doctor_is_content(kontakt: RunningKontakt) -> None:
    done = kontakt.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok    database" in done.stdout


def test_gone_and_back_under_everybody(
    kontakt: RunningKontakt, postgresql: Stoppable, staff: Staff, fake: FakeTelegram, reference: str
) -> None:
    """Said honestly with the telephone number, brochures still answered, nothing half-written, no restart needed."""
    resident = Resident(kontakt.web, "?kommun=sala")
    draft = resident.say(choice="f:kontakta_mig")["draft"]
    assert draft["answered"] == 0
    with postgresql.away():
        began = time.monotonic()
        assert SAY("out.database_away") in resident.reads(choice="Nej")
        newcomer = Resident(kontakt.web, "?kommun=sala")
        said = newcomer.reads(choice="f:kontakta_mig")
        assert SAY("out.database_away") in said
        assert SALA in said
        assert "kontaktfamilj" in resident.reads(choice="t:what_is:kontaktfamilj").lower()
        assert "112" in resident.reads(text="min man slår mig")
        assert staff.ask("/inkommet") == 503
        assert staff.ask(f"/inkommet/{reference}") == 503
        fake.say(CHAT, "status")
        doctor = kontakt.run("doctor")
        assert doctor.returncode == 1
        assert "FAIL  database: the database did not answer" in doctor.stdout
        assert len([line for line in doctor.stdout.splitlines() if line.startswith("FAIL")]) == 1
        refused = kontakt.run("submissions", "list")
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert time.monotonic() - began < 60
    back = time.monotonic()
    answered = len(fake.texts(CHAT))
    assert resident.say(choice="Nej")["draft"]["answered"] == 1
    assert staff.ask("/inkommet") == 200
    fake.wait_for(CHAT, "", seconds=20, after=answered)
    assert time.monotonic() - back < 20
    assert kontakt.process.poll() is None
    assert succeeds(kontakt, "audit", "verify") == "the audit trail is whole\n"


def test_nothing_that_was_typed_is_in_the_log(kontakt: RunningKontakt, reference: str) -> None:
    for word in ("Elsa", "Testsson", "174 06 05", "1740605", TOKEN):
        assert word not in kontakt.printed
