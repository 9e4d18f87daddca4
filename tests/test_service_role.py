"""Kontakt as a whole with a role of its own on PostgreSQL: all of the service works, and the audit trail is out of its
reach; what is left to the tables' owner is said in one line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from http_people import Resident, Staff
from running_kontakt import RunningKontakt
from test_whole_on_postgresql import fill_in, succeeds

from reliability.postgresql import PostgreSQL, server

OWNER, SERVICE = "kontakt_owner", "kontakt-service"


@dataclass
class Place:
    """A server with an owner and a service, and Kontakt running as the service."""

    postgresql: PostgreSQL
    name: str
    kontakt: RunningKontakt

    def address(self, role: str, name: str | None = None) -> str:
        return address(self.postgresql, role, name or self.name)

    def as_owner(self, *arguments: str, name: str | None = None) -> str:
        """What a command prints that the owner runs, and that succeeds."""
        here = dict(self.kontakt.environment)
        self.kontakt.environment["KONTAKT_DATABASE_URL"] = self.address(OWNER, name)
        try:
            return succeeds(self.kontakt, *arguments)
        finally:
            self.kontakt.environment = here

    def refuses(self, *arguments: str) -> str:
        """The one line with which a command refuses."""
        done = self.kontakt.run(*arguments)
        assert done.returncode == 1, (arguments, done.stdout)
        assert re.fullmatch(r"kontakt: [^\n]+\n", done.stderr), done.stderr
        return done.stderr


def address(postgresql: PostgreSQL, role: str, name: str) -> str:
    return postgresql.address(name).replace("//kontakt@", f"//{role}@")


def new_database(postgresql: PostgreSQL, name: str) -> str:
    postgresql.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
    return name


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Iterator[Place]:
    var = tmp_path_factory.mktemp("role") / "var"
    var.mkdir(mode=0o700)
    (var / "kontakt.toml").touch()
    with server("fsync=off") as postgresql:
        postgresql.execute(f"CREATE ROLE {OWNER} LOGIN")
        postgresql.execute(f'CREATE ROLE "{SERVICE}" LOGIN')
        name = new_database(postgresql, "kontakt_db")
        settings = {
            "KONTAKT_CONFIG": str(var / "kontakt.toml"),
            "KONTAKT_DATABASE_URL": address(postgresql, SERVICE, name),
            "KONTAKT_IMPACT_ASSESSMENT": "KS 2026/123",
        }
        refused = RunningKontakt(var, nlu_model, **settings)
        refused.process.wait(60)
        assert "is not set up: let its owner run kontakt migrate" in refused.printed
        found = Place(postgresql, name, refused)
        found.as_owner("migrate", "--grant-to", SERVICE)
        found.kontakt = RunningKontakt(var, nlu_model, **settings)
        try:
            found.kontakt.wait_until_up()
            yield found
        finally:
            found.kontakt.stop()


@pytest.fixture(scope="module")
def reference(place: Place) -> str:
    return fill_in(Resident(place.kontakt.web, "?kommun=sala"))


def test_from_resident_to_staff(place: Place, reference: str) -> None:
    staff = Staff(place.kontakt.review)
    staff.make_account(place.kontakt.invitation())
    assert staff.sign_in() == 303
    assert staff.ask(f"/inkommet/{reference}") == 200
    assert "Elsa Testsson" in staff.page
    assert staff.post(f"/inkommet/{reference}/anteckning", text="Ringt, inget svar.") == 303
    assert staff.ask(f"/inkommet/{reference}") == 200
    assert staff.post(f"/inkommet/{reference}/status", status="in_review", version="1") == 303
    assert staff.ask("/loggkontroll?fran=2026-01-01&till=2026-01-02") == 200


def test_every_command_works(place: Place, reference: str, tmp_path: Path) -> None:
    kontakt = place.kontakt
    assert reference in succeeds(kontakt, "submissions", "list")
    assert "Elsa Testsson" in succeeds(kontakt, "submissions", "show", reference)
    assert "Elsa Testsson" in succeeds(kontakt, "submissions", "export", reference)
    assert "/valkommen/" in succeeds(kontakt, "reviewers", "add")
    succeeds(kontakt, "keys", "add")
    assert "values are sealed" in succeeds(kontakt, "keys", "rotate")
    assert len(succeeds(kontakt, "keys", "list").splitlines()) >= 2
    assert succeeds(kontakt, "retention", "run") == "nothing\n"
    succeeds(kontakt, "retention", "plan", "--days", "60")
    succeeds(kontakt, "backup", str(tmp_path / "kontakt.backup"))
    assert "everything can be read" in succeeds(kontakt, "restore", str(tmp_path / "kontakt.backup"), "--check")
    assert succeeds(kontakt, "migrate") == ""
    assert "opened" in succeeds(kontakt, "audit", "review", "--from", "2026-01-01", "--to", "2026-01-02")
    assert succeeds(kontakt, "audit", "verify") == "the audit trail is whole\n"
    assert (kontakt.var / "audit_anchors").exists()


def test_doctor_is_content_with_the_service_and_warns_of_the_owner(place: Place) -> None:
    said = succeeds(place.kontakt, "doctor")
    assert "ok    database" in said
    assert "warn  audit trail" not in said
    (line,) = [line for line in place.as_owner("doctor").splitlines() if line.startswith("warn  audit trail")]
    assert line.startswith(f"warn  audit trail: the role '{OWNER}' could change the audit trail (it owns the table)")
    assert "--grant-to" in line


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor = 'bo'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "DROP TRIGGER audit_events_refuse_change ON audit_events",
        "ALTER TABLE audit_events DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id integer)",
    ],
)
def test_the_trail_is_out_of_its_reach(place: Place, reference: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.postgresql.execute(statement, place.address(SERVICE))
    assert succeeds(place.kontakt, "audit", "verify") == "the audit trail is whole\n"


def test_what_is_the_owners_is_said_in_one_line(place: Place, reference: str, tmp_path: Path) -> None:
    """Putting a backup back, and who may be granted what."""
    file, name = tmp_path / "kontakt.backup", new_database(place.postgresql, "other_db")
    succeeds(place.kontakt, "backup", str(file))
    place.as_owner("migrate", "--grant-to", SERVICE, name=name)
    refused = place.refuses("restore", str(file), "--into", place.address(SERVICE, name))
    assert "the database's role may not do that (permission denied for table" in refused
    assert "put back" in place.as_owner("restore", str(file), "--into", place.address(OWNER, name))
    place.as_owner("migrate", "--grant-to", SERVICE, name=name)
    here = dict(place.kontakt.environment)
    place.kontakt.environment["KONTAKT_DATABASE_URL"] = place.address(SERVICE, name)
    try:
        assert "Elsa Testsson" in succeeds(place.kontakt, "submissions", "show", reference)
    finally:
        place.kontakt.environment = here
    assert "has no role 'nobody'" in place.refuses("migrate", "--grant-to", "nobody")
    assert "is the role that migrates" in place.refuses("migrate", "--grant-to", SERVICE)
