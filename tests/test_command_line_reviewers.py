"""`kontakt reviewers` as the one who keeps an installation uses it: who has an account, closing one, a new password."""

import json
import os
import pty
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from forked_commands import Commands, forked_commands
from running_kontakt import KONTAKT

from review.passwords import Passwords
from storage import audit, reviewers
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys
from storage.reviewers import Reviewer

PASSWORDS = Passwords(memory_kib=8, passes=1)
OLD, NEW = "fyra lugna gula hus", "sju snabba blå båtar"


class Place:
    """An installation with the accounts of Anna and Bo, each signed in."""

    def __init__(self, directory: Path, commands: Commands) -> None:
        self.directory, self.commands = directory, commands
        make_keys(directory / "keys")
        migrate(self.url)
        with closing(self.open()) as database:
            at = datetime.now(UTC)
            hashed = PASSWORDS.hash(OLD)
            add = [
                reviewers.add(database, name, f"{name.title()} Testberg", hashed, "reviewer", actor="cli:test", at=at)
                for name in ("anna", "bo")
            ]
            self.sessions = {one.username: reviewers.start_session(database, one.id, at) for one in add}

    @property
    def url(self) -> str:
        return f"sqlite:///{self.directory / 'kontakt.db'}"

    def open(self) -> Database:
        return Database(self.url, load_keys(self.directory / "keys"))

    def run(self, *arguments: str, typed: str = "") -> CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "KONTAKT_VAR": str(self.directory)}
        return self.commands.run(["reviewers", *arguments], environment, self.directory, typed)

    def refuses(self, *arguments: str, typed: str = "") -> str:
        """The one line with which a command refuses."""
        done = self.run(*arguments, typed=typed)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"kontakt: [^\n]+\n", done.stderr), done.stderr
        return done.stderr

    def account(self, username: str) -> Reviewer:
        with closing(self.open()) as database:
            found = reviewers.find(database, username)
        assert found is not None
        return found

    def signed_in(self) -> set[str]:
        """Whose session still goes on."""
        with closing(self.open()) as database:
            now = datetime.now(UTC)
            return {name for name, token in self.sessions.items() if reviewers.session_reviewer(database, token, now)}

    def events(self, username: str) -> list[str]:
        with closing(self.open()) as database:
            assert audit.verify(database) == []
            return [event.event for event in audit.trail(database, username)]


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    with forked_commands() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, commands: Commands) -> Place:
    return Place(tmp_path, commands)


def test_who_has_an_account(place: Place) -> None:
    place.run("deactivate", "bo")
    listed = place.run("list").stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["anna", "open", "reviewer", "Anna", "Testberg"],
        ["bo", "closed", "reviewer", "Bo", "Testberg"],
    ]
    as_json = [json.loads(line) for line in place.run("list", "--json").stdout.splitlines()]
    assert [(one["username"], one["active"]) for one in as_json] == [("anna", True), ("bo", False)]


def test_a_closed_account_is_signed_out_at_once(place: Place) -> None:
    done = place.run("deactivate", "Anna")
    assert (done.returncode, done.stdout, done.stderr) == (0, "anna is closed\n", "")
    assert place.signed_in() == {"bo"}
    assert place.account("anna").active is False
    assert place.events("anna") == ["reviewer.added", "reviewer.deactivated"]
    assert "is closed" in place.refuses("deactivate", "anna")
    assert "is closed" in place.refuses("reset", "anna", typed=NEW)
    assert "no open account is left" in place.run("deactivate", "bo").stderr


def test_a_new_password_signs_the_account_out_and_in_again(place: Place) -> None:
    with closing(place.open()) as database:
        for _ in range(5):
            reviewers.record_failure(database, "anna", "192.0.2.1", datetime.now(UTC))
    done = place.run("reset", "anna", typed=f"{NEW}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "anna has a new password\n", "")
    assert place.signed_in() == {"bo"}
    stored = place.account("anna").password_hash
    assert (PASSWORDS.matches(stored, NEW), PASSWORDS.matches(stored, OLD)) == (True, False)
    assert place.events("anna") == ["reviewer.added", "reviewer.password_changed"]
    with closing(place.open()) as database:
        assert reviewers.recent_failures(database, datetime(2026, 1, 1, tzinfo=UTC), username="anna") == 0


@pytest.mark.parametrize("typed", ["", "\n", "kort\n", "anna anna anna\n", "aaaaaaaaaaaaaaaaaaa\n"])
def test_a_password_that_will_not_do_changes_nothing(place: Place, typed: str) -> None:
    said = place.refuses("reset", "anna", typed=typed)
    assert "nothing is changed: Lösenordet" in said
    assert not typed.strip() or typed.strip() not in said
    assert place.signed_in() == {"anna", "bo"}
    assert PASSWORDS.matches(place.account("anna").password_hash, OLD)


@pytest.mark.parametrize("command", ["deactivate", "reset"])
def test_an_account_that_is_not_there(place: Place, command: str) -> None:
    assert "no account has that username" in place.refuses(command, "cecilia", typed=NEW)


@pytest.mark.parametrize(("again", "fits"), [(NEW, True), (OLD, False)])
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(place: Place, again: str, fits: bool) -> None:
    child, terminal = pty.fork()
    if child == 0:
        environment = {"PATH": os.environ["PATH"], "KONTAKT_VAR": str(place.directory), "LANG": "C.UTF-8"}
        os.chdir(place.directory)
        os.execve(KONTAKT[0], [*KONTAKT, "reviewers", "reset", "anna"], environment)
    shown = b""
    for prompt, line in ((b"new password: ", NEW), (b"the same again: ", again)):
        while prompt not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, line.encode() + b"\n")
    while part := _read(terminal):
        shown += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if fits else 1)
    assert NEW.encode() not in shown and again.encode() not in shown
    assert (b"were not the same" in shown) is not fits
    assert PASSWORDS.matches(place.account("anna").password_hash, NEW if fits else OLD)


def _read(terminal: int) -> bytes:
    """What a terminal shows next; nothing when nobody is at the other end any more."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""
