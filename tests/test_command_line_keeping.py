"""`kontakt keys`, `audit`, `backup`, `restore` and `retention` as the one who keeps an installation uses them."""

import base64
import json
import os
import re
import secrets
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from forked_commands import Commands, forked_commands
from postgresql_away import stoppable
from tampering import put_guard_of_file_away

from forms.form import Form
from forms.loader import form_to_snapshot
from storage import audit, backup, backup_keys, intake, leadership, retention_holds, submissions
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from storage.retention_policy import day_of

NAME = "Vendela Provsson"
NOTHING_SENT_IN = (
    "drafts: {days: 30, rule: Utkast}\n"
    "limits: {submissions: {most: 5, percent: 50, counted_from: 9}, drafts: {most: 5, percent: 50, counted_from: 9}}\n"
)
CLOSED_AT_ONCE = NOTHING_SENT_IN + "submissions:\n  kontakta_mig: {closed: {days: 0, rule: SN 2026 § 1}}\n"


@dataclass
class Place:
    """An installation, and how to run a command in it."""

    directory: Path
    commands: Commands
    more: dict[str, str] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return self.directory / "var"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.var / 'kontakt.db'}"

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        (self.directory / "kontakt.toml").touch()
        environment = {
            "PATH": "/usr/bin:/bin",
            "KONTAKT_CONFIG": str(self.directory / "kontakt.toml"),
            "KONTAKT_VAR": str(self.var),
            **self.more,
        }
        return self.commands.run(list(arguments), environment, self.directory, typed)

    def does(self, *arguments: str, typed: str = "") -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def refuses(self, *arguments: str, typed: str = "") -> str:
        """The one line with which a command refuses."""
        done = self.run(*arguments, typed=typed)
        assert done.returncode == 1, (arguments, done.stdout)
        assert re.fullmatch(r"kontakt: [^\n]+\n", done.stderr), done.stderr
        return done.stderr

    def open(self) -> Database:
        return Database(self.url, load_keys(self.var / "keys"))


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with forked_commands() as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, forms: dict[str, Form], commands: Commands) -> tuple[Path, str]:
    """An installation with one submission, and its reference."""
    place = Place(tmp_path_factory.mktemp("made"), commands)
    make_keys(place.var / "keys")
    migrate(place.url)
    form, reference = forms["kontakta_mig"], intake.make_reference()
    new = intake.NewSubmission(
        reference=reference,
        draft_token="utkast" + reference,
        form_id=form.id,
        form_version=form.version,
        form_snapshot=form_to_snapshot(form),
        answers={"namn": NAME, "telefon": "+46701740605"},
        flags=(),
        municipality="sala",
        channel="web",
        language="sv",
    )
    with closing(place.open()) as database, database.transaction() as session:
        intake.insert(session, new, actor="resident", at=datetime.now(UTC))
    place.does("migrate")
    return place.directory, reference


@pytest.fixture
def place(made: tuple[Path, str], tmp_path: Path, commands: Commands) -> Place:
    """The installation, the test's own."""
    shutil.copytree(made[0], tmp_path / "place")
    return Place(tmp_path / "place", commands)


@pytest.fixture
def reference(made: tuple[Path, str]) -> str:
    return made[1]


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_new_key_takes_over_and_the_old_one_is_put_away(place: Place, reference: str) -> None:
    old = place.does("keys", "list").split()[0]
    new = place.does("keys", "add").strip()
    os.utime(place.var / "keys" / "encryption.keys", (1, 1))  # long enough ago for every write that had begun
    listed = [line.split() for line in place.does("keys", "list").splitlines()]
    assert [line[:2] for line in listed] == [[new, "seals"], [old, "opens"], ["backup", "key"]]
    assert "keys rotate" in place.refuses("keys", "retire", old)
    assert re.match(r"\d+ values are sealed with " + new, place.does("keys", "rotate"))
    assert {line.split()[0]: line.split()[2] for line in place.does("keys", "list").splitlines()}[old] == "0"
    assert place.does("keys", "retire", old) == ""
    assert place.does("keys", "list").split()[0] == new
    assert len(place.does("keys", "list").splitlines()) == 2
    assert NAME in place.does("submissions", "show", reference)
    os.utime(place.var / "keys" / "encryption.keys", (1, 1))
    assert "add a new one first" in place.refuses("keys", "retire", new)
    with closing(place.open()) as database:
        assert {event.event for event in audit.trail(database, new)} == {"key.added", "key.rotated"}
    assert stat.S_IMODE((place.var / "keys" / "encryption.keys").stat().st_mode) == 0o600


def test_no_command_prints_a_key(place: Place) -> None:
    place.does("keys", "add")
    printed = "".join(done.stdout + done.stderr for done in (place.run("keys", "list"), place.run("keys", "rotate")))
    for path in (place.var / "keys").glob("*.key*"):
        for line in path.read_text().splitlines():
            assert line.split()[-1] not in printed


def other_keys(place: Place) -> None:
    shutil.rmtree(place.var / "keys")
    make_keys(place.var / "keys")


def one_byte_less(place: Place) -> None:
    path = place.var / "keys" / "encryption.keys"
    name, key = path.read_text().split()
    path.write_text(f"{name} {base64.b64encode(base64.b64decode(key)[:-1]).decode()}\n")


def other_key_same_id(place: Place) -> None:
    path = place.var / "keys" / "encryption.keys"
    path.write_text(f"{path.read_text().split()[0]} {base64.b64encode(secrets.token_bytes(32)).decode()}\n")


WRONG_KEYS: dict[str, tuple[Callable[[Place], object], str]] = {
    "other keys": (other_keys, "not those that"),
    "another key under the same id": (other_key_same_id, "not those that"),
    "a key that is too short": (one_byte_less, "is damaged"),
    "encryption.keys missing": (lambda place: (place.var / "keys" / "encryption.keys").unlink(), "is missing"),
    "lookup.key missing": (lambda place: (place.var / "keys" / "lookup.key").unlink(), "is missing"),
    "backup.key damaged": (lambda place: (place.var / "keys" / "backup.key").write_text("2026\n"), "is damaged"),
    "backup.key open to the group": (lambda place: (place.var / "keys" / "backup.key").chmod(0o640), "chmod 600"),
    "open to the group": (lambda place: (place.var / "keys" / "lookup.key").chmod(0o640), "chmod 600"),
    "directory open to all": (lambda place: (place.var / "keys").chmod(0o755), "chmod 700"),
    "some of three in the environment": (
        lambda place: place.more.update(KONTAKT_LOOKUP_KEY=base64.b64encode(b"k" * 32).decode()),
        "KONTAKT_ENCRYPTION_KEYS",
    ),
}
COMMANDS = [("keys", "list"), ("audit", "verify"), ("backup", "{directory}/b"), ("retention", "run"), ("migrate",)]


@pytest.mark.parametrize("what", WRONG_KEYS)
def test_with_wrong_keys_no_command_begins(place: Place, what: str) -> None:
    damage, words = WRONG_KEYS[what]
    damage(place)
    before = (place.var / "kontakt.db").read_bytes()
    for command in COMMANDS:
        arguments = [part.format(directory=place.directory) for part in command]
        assert words in place.refuses(*arguments), command
    assert (place.var / "kontakt.db").read_bytes() == before
    assert not (place.directory / "b").exists()


def test_keys_from_the_environment_work_and_are_not_added_to(place: Place, reference: str) -> None:
    read = {path.name: path.read_text() for path in (place.var / "keys").iterdir()}
    place.more = {
        "KONTAKT_ENCRYPTION_KEYS": read["encryption.keys"].strip(),
        "KONTAKT_LOOKUP_KEY": read["lookup.key"].strip(),
        "KONTAKT_SESSION_KEY": read["session.key"].strip(),
    }
    shutil.rmtree(place.var / "keys")
    assert NAME in place.does("submissions", "show", reference)
    assert "KONTAKT_ENCRYPTION_KEYS" in place.refuses("keys", "add")
    assert not (place.var / "keys").exists()

    file = place.directory / "kontakt.backup"
    assert "the setting KONTAKT_BACKUP_KEY is missing" in place.refuses("backup", str(file))
    assert "FAIL  backup key: the setting KONTAKT_BACKUP_KEY is missing" in place.run("doctor").stdout
    place.more["KONTAKT_BACKUP_KEY"] = read["backup.key"].strip()
    place.does("backup", str(file))
    assert "the audit trail is whole" in place.does("restore", str(file), "--check")
    said = place.run("doctor").stdout
    assert "ok    backup key" in said and re.search(r"warn  backups: .* so replace it yourself", said)
    assert not (place.var / "keys").exists()


# -- audit ---------------------------------------------------------------------------------------------------------


def anchored(place: Place) -> None:
    """As `serve` does once a day."""
    from storage import audit_anchors

    with closing(place.open()) as database:
        audit_anchors.keep(database, place.var / "audit_anchors", datetime.now(UTC))


def in_database(statement: str) -> Callable[[Place], None]:
    """By somebody who has the file, and puts the guard of the audit trail away first."""

    def change(place: Place) -> None:
        with closing(sqlite3.connect(place.var / "kontakt.db")) as connection, connection:
            put_guard_of_file_away(connection)
            assert connection.execute(statement).rowcount

    return change


def earlier_copy(place: Place) -> None:
    """The whole database as it was yesterday, sealed anchor and all."""
    (place.directory / "yesterday.db").rename(place.var / "kontakt.db")


def other_line(place: Place) -> None:
    path = place.var / "audit_anchors"
    path.write_text(path.read_text().replace(" day 2 ", " day 1 "))


TAMPERED: dict[str, tuple[Callable[[Place], object], str]] = {
    "flipped": (in_database("UPDATE audit_events SET actor = 'bo' WHERE number = 1"), "is not what was written"),
    "deleted": (in_database("DELETE FROM audit_events WHERE number = 1"), "is missing"),
    "reordered": (
        in_database("UPDATE audit_events SET number = CASE number WHEN 1 THEN -2 ELSE -1 END WHERE number < 3"),
        "is missing",
    ),
    "truncated": (in_database("DELETE FROM audit_events WHERE number > 1"), "its anchor says"),
    "an earlier database": (earlier_copy, "is gone"),
    "anchors removed": (lambda place: (place.var / "audit_anchors").unlink(), "are missing"),
    "anchors changed": (other_line, "is not what was written"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_finds_it(place: Place, reference: str, what: str) -> None:
    shutil.copy2(place.var / "kontakt.db", place.directory / "yesterday.db")
    anchored(place)
    place.does("submissions", "show", reference)
    assert place.does("audit", "verify") == "the audit trail is whole\n"
    change, words = TAMPERED[what]
    change(place)
    done = place.run("audit", "verify")
    assert done.returncode == 1
    assert words in done.stdout
    assert re.fullmatch(r"kontakt: the audit trail is not whole: \d problems\n", done.stderr)


def test_the_review_of_the_log_is_for_its_owner_and_never_overwrites(place: Place, reference: str) -> None:
    place.does("submissions", "export", reference)
    days = ("--from", "2020-01-01", "--to", "2099-12-31")
    heading, line = (text.split() for text in place.does("audit", "review", *days).splitlines())
    numbers = dict(zip(heading, line, strict=True))
    assert numbers["reviewer"].startswith("cli:")
    assert [numbers[name] for name in ("opened", "exported", "without_action", "searched")] == ["1", "1", "1", "0"]
    file = place.directory / "review.csv"
    assert place.does("audit", "review", *days, "--csv", str(file)) == ""
    assert file.read_text().splitlines()[0] == ",".join(heading)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "exists" in place.refuses("audit", "review", *days, "--csv", str(file))
    events = place.does("audit", "review", *days, "--events")
    assert re.search(rf" submission.opened +{reference}\n", events)
    assert events.count("audit.reviewed") == 3
    assert NAME not in events
    assert place.does("audit", "review", *days, "--reviewer", "nobody").count("\n") == 1


WRONG_REVIEWS = [
    (("--from", "2026-03-02", "--to", "2026-03-01"), "--from is later"),
    (("--from", "2026-03-01", "--to", "2026-03-02", "--reviewer", "Vera Handläggare"), "no username"),
    (("--from", "2026-03-01", "--to", "2026-03-02", "--csv", "/nowhere/a.csv"), "/nowhere/a.csv"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_REVIEWS)
def test_a_review_that_cannot_be_made_is_refused(place: Place, arguments: tuple[str, ...], words: str) -> None:
    assert words in place.refuses("audit", "review", *arguments)


def test_sqlite_has_no_role_to_grant_to(place: Place) -> None:
    assert "SQLite has no roles" in place.refuses("migrate", "--grant-to", "kontakt")


# -- backup and restore --------------------------------------------------------------------------------------------


def test_a_backup_is_made_rehearsed_and_put_back(place: Place, reference: str) -> None:
    anchored(place)
    file = place.directory / "kontakt.backup"
    assert "1 submissions" in place.does("backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert NAME.encode() not in file.read_bytes() and reference.encode() not in file.read_bytes()
    assert "the audit trail is whole" in place.does("restore", str(file), "--check")
    place.does("submissions", "show", reference)
    anchored(place)
    (place.var / "kontakt.db").unlink()
    for leftover in place.var.glob("kontakt.db-*"):
        leftover.unlink()
    place.does("migrate")
    assert "put back" in place.does("restore", str(file), "--into", place.url)
    assert NAME in place.does("submissions", "show", reference)
    assert place.does("audit", "verify") == "the audit trail is whole\n"


def of_day(place: Place, days: int) -> None:
    """backup.key as it is when it was last moved on for a day so many days from now."""
    path = place.var / "keys" / "backup.key"
    path.write_text(f"{day_of(datetime.now(UTC)) + timedelta(days=days)} {path.read_text().split()[1]}\n")


def first_day(place: Place) -> date:
    """From which day on backups can be read, by `kontakt keys list`."""
    (day,) = re.findall(r"^backup key +opens  backups of (\S+) and later$", place.does("keys", "list"), re.MULTILINE)
    return date.fromisoformat(day)


def test_an_existing_installation_gets_a_backup_key_and_keeps_it(place: Place) -> None:
    path = place.var / "keys" / "backup.key"
    path.unlink()
    assert "FAIL  backup key: the key file" in place.run("doctor").stdout
    place.does("migrate")
    made = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    place.does("migrate")
    assert path.read_text() == made and "ok    backup key" in place.run("doctor").stdout


def test_each_backup_destroys_the_keys_of_those_that_are_too_old(place: Place) -> None:
    """As `serve` does every hour: a machine that only makes backups keeps to the days as well."""
    old, new = place.directory / "old.backup", place.directory / "new.backup"
    today = day_of(datetime.now(UTC))
    of_day(place, -40)
    with closing(place.open()) as database:
        then = datetime.now(UTC) - timedelta(days=31)
        backup.make_backup(database, old, then, backup_keys.load(place.var / "keys"))
    assert "everything can be read" in place.does("restore", str(old), "--check")
    warned = f"warn  backups: those of {today - timedelta(days=40)} and later can be read, and the policy says 30 days"
    assert warned in place.run("doctor").stdout
    place.does("backup", str(new))
    assert first_day(place) == today - timedelta(days=30)
    refused = place.refuses("restore", str(old), "--check")
    assert f"is of {day_of(then)} and can be read no more" in refused
    assert "everything can be read" in place.does("restore", str(new), "--check")
    assert "warn  backups" not in place.run("doctor").stdout


def test_how_long_backups_can_be_read_is_in_the_policy(place: Place) -> None:
    today = day_of(datetime.now(UTC))
    for number, (text, days) in enumerate(
        [("backups: never\n", 400), ("backups: {days: 60, rule: SN}\n", 60), ("", 30)]
    ):
        of_day(place, -400)
        decided(place, NOTHING_SENT_IN + text)
        place.does("backup", str(place.directory / f"{number}"))
        assert first_day(place) == today - timedelta(days=days)
    decided(place, NOTHING_SENT_IN + "backups: {days: 6, rule: SN}\n")
    assert "days must be a number from 7 to 365" in place.refuses("backup", str(place.directory / "b"))


def test_with_a_clock_that_may_be_wrong_a_backup_is_made_and_no_key_destroyed(place: Place) -> None:
    of_day(place, -40)
    in_database("INSERT INTO retention_state (id, seen_at) VALUES (1, '2099-01-01 00:00:00')")(place)
    before = (place.var / "keys" / "backup.key").read_text()
    done = place.run("backup", str(place.directory / "b"))
    assert done.returncode == 0 and "the keys of older backups are not destroyed: " in done.stderr
    assert "confirm-clock" in done.stderr
    assert (place.var / "keys" / "backup.key").read_text() == before


def test_with_a_clock_before_the_backup_key_no_backup_is_made(place: Place) -> None:
    of_day(place, 3)
    file = place.directory / "b"
    assert "set the clock right" in place.refuses("backup", str(file))
    assert "FAIL  backup key: the clock says" in place.run("doctor").stdout
    assert not file.exists()


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "neither check nor into": (("restore", "{backup}"), "choose --check or --into"),
    "both": (("restore", "{backup}", "--check", "--into", "{url}"), "choose --check or --into"),
    "no such file": (("restore", "{directory}/none", "--check"), "none"),
    "a file that is no backup": (("restore", "{directory}/kontakt.toml", "--check"), "kontakt.toml"),
    "a damaged backup": (("restore", "{directory}/damaged", "--check"), "damaged"),
    "a cut backup": (("restore", "{directory}/cut", "--check"), "cut"),
    "into a database with something in it": (("restore", "{backup}", "--into", "{url}"), "empty"),
    "into what is no address": (("restore", "{backup}", "--into", "here"), "address"),
    "a password where others see it": (
        ("restore", "{backup}", "--into", "postgresql://kontakt:hemligt@localhost:1/kontakt"),
        "leave the password out",
    ),
    "over a file that exists": (("backup", "{backup}"), "kontakt.backup"),
    "into a directory that is not there": (("backup", "{directory}/no/such"), "no"),
    "into a directory that is a file": (("backup", "{backup}/x"), "kontakt.backup"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_backup_or_restore_that_cannot_be_is_one_line(place: Place, what: str) -> None:
    file = place.directory / "kontakt.backup"
    place.does("backup", str(file))
    content = file.read_bytes()
    (place.directory / "damaged").write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    (place.directory / "cut").write_bytes(content[:-100])
    arguments, words = REFUSED[what]
    said = place.refuses(*(part.format(directory=place.directory, backup=file, url=place.url) for part in arguments))
    assert words in said
    assert file.read_bytes() == content


def test_a_backup_with_other_keys_says_so(place: Place) -> None:
    file = place.directory / "kontakt.backup"
    place.does("backup", str(file))
    other_keys(place)
    assert "key" in place.refuses("restore", str(file), "--check")


def test_without_the_tombstones_nothing_is_put_back(place: Place) -> None:
    file = place.directory / "kontakt.backup"
    place.does("backup", str(file))
    for path in place.var.glob("kontakt.db*"):
        path.unlink()
    place.does("migrate")
    (place.var / "tombstones").unlink()
    assert "tombstones" in place.refuses("restore", str(file), "--into", place.url)
    assert place.does("submissions", "list") == ""


# -- retention -----------------------------------------------------------------------------------------------------


def close(place: Place, reference: str, days_ago: int = 3) -> None:
    """Closed by staff some days ago: in the past, since nothing goes on the day itself."""
    with closing(place.open()) as database:
        at = datetime.now(UTC)
        submissions.change_status(database, reference, "in_review", actor="karin", version=1, at=at)
        submissions.change_status(database, reference, "closed", actor="karin", version=2, at=at)
    then = (datetime.now(UTC) - timedelta(days=days_ago)).replace(tzinfo=None).isoformat(sep=" ")
    in_database(f"UPDATE status_changes SET changed_at = '{then}'")(place)


def decided(place: Place, text: str = CLOSED_AT_ONCE) -> None:
    (place.directory / "gallring.yml").write_text(text, encoding="utf-8")
    place.more["KONTAKT_RETENTION"] = str(place.directory / "gallring.yml")


def test_gallring_from_plan_to_protocol(place: Place, reference: str) -> None:
    decided(place)
    close(place, reference)
    assert reference in place.does("retention", "plan")
    assert place.does("retention", "hold", reference, typed="Tvist pågår\n") == ""
    assert place.does("retention", "run") == "nothing\n"
    assert NAME in place.does("submissions", "show", reference)
    place.does("retention", "release", reference.lower(), typed="Tvisten är slut")
    assert place.does("retention", "run") == "1 submissions\n"
    assert "no submission" in place.refuses("submissions", "show", reference)
    year = datetime.now(UTC).year
    protocol = place.does("retention", "protocol", f"{year}-01-01", f"{year}-12-31")
    assert "SN 2026 § 1" in protocol and reference not in protocol
    assert "SN 2026 § 1" in place.does("retention", "protocol", f"{year}-01-01", f"{year}-12-31", "--csv")
    assert place.does("audit", "verify") == "the audit trail is whole\n"


def test_what_was_purged_is_not_in_a_backup_that_is_put_back(place: Place, reference: str) -> None:
    decided(place)
    file = place.directory / "before"
    close(place, reference)
    place.does("backup", str(file))
    place.does("retention", "run")
    for path in place.var.glob("kontakt.db*"):
        path.unlink()
    place.does("migrate")
    assert "purged: " in place.does("restore", str(file), "--into", place.url)
    assert "no submission" in place.refuses("submissions", "show", reference)


def test_nothing_sent_in_goes_by_our_own_proposal(place: Place, reference: str) -> None:
    close(place, reference, days_ago=4_000)
    assert "undecided: is not purged" in place.does("retention", "plan")
    assert place.does("retention", "run") == "nothing\n"


def test_only_one_process_removes_at_a_time(place: Place, reference: str) -> None:
    decided(place)
    close(place, reference)
    with closing(place.open()) as database, leadership.held(database, "retention", 60) as mine:
        assert mine
        assert "another process" in place.refuses("retention", "run")
        assert NAME in place.does("submissions", "show", reference)
    assert place.does("retention", "run") == "1 submissions\n"


RETENTION_REFUSED: dict[str, tuple[str | None, tuple[str, ...], str]] = {
    "no such policy": (None, ("retention", "plan"), "gallring.yml"),
    "a policy that is none": ("- drafts\n", ("retention", "run"), "gallring.yml"),
    "days that are none": ("drafts: {days: thirty, rule: x}\n", ("retention", "run"), "drafts"),
    "an unknown reference": (NOTHING_SENT_IN, ("retention", "hold", "23456789"), "no submission"),
    "a release of what is not held": (NOTHING_SENT_IN, ("retention", "release", "{reference}"), "{reference}"),
    "a confirmation before the hand-over": (
        NOTHING_SENT_IN,
        ("retention", "confirm", "{reference}"),
        "not handed over",
    ),
}


@pytest.mark.parametrize("what", RETENTION_REFUSED)
def test_gallring_that_cannot_be_is_one_line(place: Place, reference: str, what: str) -> None:
    policy, arguments, words = RETENTION_REFUSED[what]
    decided(place, policy or "")
    if policy is None:
        (place.directory / "gallring.yml").unlink()
    said = place.refuses(*(part.format(reference=reference) for part in arguments), typed="Tvist\n")
    assert words.format(reference=reference) in said
    assert NAME in place.does("submissions", "show", reference)


def test_a_hold_without_a_reason_is_refused(place: Place, reference: str) -> None:
    for typed in ("", "\n", "  \nTvist"):
        assert reference in place.refuses("retention", "hold", reference, typed=typed)
    place.does("retention", "hold", reference, typed="Tvist\n")


def test_reasons_and_case_numbers_are_read_from_standard_input(place: Place, reference: str) -> None:
    place.does("retention", "hold", reference, typed="Tvist pågår\nen rad till\n")
    place.does("retention", "release", reference, typed="Tvisten är slut\n")
    with closing(place.open()) as database:
        at = datetime.now(UTC)
        for version, status in ((1, "in_review"), (2, "handed_over")):
            submissions.change_status(database, reference, status, actor="karin", version=version, at=at)
        found = submissions.open_submission(database, reference, actor="karin", at=at)
    assert found is not None
    assert [note.text for note in found.notes] == ["Tvist pågår", "Tvisten är slut"]
    assert "1 to 64" in place.refuses("retention", "confirm", reference, "--case", typed="\n")
    place.does("retention", "confirm", reference, "--case", typed="2026-17\n")
    with closing(place.open()) as database:
        found_hand_over = retention_holds.hand_over_of(database, reference)
    assert found_hand_over is not None and found_hand_over.case_number == "2026-17"


# -- doctor --------------------------------------------------------------------------------------------------------


def page_of_noise(place: Place) -> None:
    with (place.var / "kontakt.db").open("r+b") as file:
        file.seek(4096)
        file.write(secrets.token_bytes(64 * 1024))


UNWELL: dict[str, tuple[Callable[[Place], object], str]] = {
    "removed": (lambda place: (place.var / "kontakt.db").unlink(), "run kontakt migrate"),
    "damaged": (page_of_noise, "database"),
    "no database": (lambda place: (place.var / "kontakt.db").write_bytes(b"Not SQLite. " * 900), "not a database"),
    "open to others": (lambda place: (place.var / "kontakt.db").chmod(0o644), "chmod 600"),
    "of other keys": (other_keys, "not those that"),
    "a directory": (
        lambda place: ((place.var / "kontakt.db").unlink(), (place.var / "kontakt.db").mkdir(mode=0o700)),
        "the database",
    ),
}


@pytest.mark.parametrize("what", UNWELL)
def test_doctor_opens_the_database_and_says_what_is_wrong_in_one_sentence(place: Place, what: str) -> None:
    damage, words = UNWELL[what]
    damage(place)
    done = place.run("doctor")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL  database: ")]
    assert (done.returncode, done.stderr) == (1, "")
    assert words in line


def test_doctor_says_that_postgresql_is_away(place: Place) -> None:
    with stoppable() as postgresql:
        place.more["KONTAKT_DATABASE_URL"] = url = postgresql.server.new_url()
        migrate(url)
        assert "ok    database" in place.run("doctor").stdout
        with postgresql.away():
            done = place.run("doctor")
            (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAIL  database: ")]
            assert "did not answer" in line
            assert done.stderr == ""


# -- finding ---------------------------------------------------------------------------------------------------------


def test_a_submission_is_found_by_what_is_typed_and_never_by_an_argument(place: Place) -> None:
    new = intake.NewSubmission(
        *("AB2CDE3F", "T1", "kontakta_mig", 1, {"title": {"sv": "Titel"}}, {}, (), None, "web", "sv"),
        names=("Alva Öberg",),
        numbers=("201203019805",),
    )
    with closing(place.open()) as database, database.transaction() as session:
        intake.insert(session, new, actor="resident", at=datetime.now(UTC))
    for typed in ("öberg alva", "20120301-9805", "120301-9805\nand more", "ab2c de3f"):
        done = place.run("submissions", "find", typed=typed)
        assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "AB2CDE3F", "1 found\n"), typed
    assert json.loads(place.does("submissions", "find", "--json", typed="Alva"))["reference"] == "AB2CDE3F"
    done = place.run("submissions", "find", typed="Fågelsson")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "0 found\n")
    assert "nothing to look for" in place.refuses("submissions", "find", typed="")
    assert place.run("submissions", "find", "Alva").returncode == 2
    with closing(place.open()) as database:
        trail = audit.trail(database, "submissions")
    assert [event.details["hits"] for event in trail] == [1, 1, 1, 1, 1, 0]
    assert {event.event for event in trail} == {"submissions.searched"} and trail[0].actor.startswith("cli:")
    assert "Fågelsson" not in str(trail) and "9805" not in str(trail)
