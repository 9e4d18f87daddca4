"""What Kontakt will not start with: one clear line each, nothing changed on disk; `kontakt doctor` finds the same."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import processes_of, snapshot
from running_kontakt import KONTAKT, free_port

from installation import InstallationError, check_nlu_environment, examine
from settings import load_settings
from storage import backup_keys
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys


@dataclass
class Place:
    """An installation to break: its `var`, its kontakt.toml and its variables."""

    directory: Path
    taken: int
    """A port on which somebody else listens."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return self.directory / "var"

    def __post_init__(self) -> None:
        (self.directory / "kontakt.toml").touch()
        self.environment |= {
            "PATH": os.environ["PATH"],
            "KONTAKT_CONFIG": str(self.directory / "kontakt.toml"),
            "KONTAKT_VAR": str(self.var),
            "KONTAKT_WEB_PORT": str(free_port()),
            "KONTAKT_REVIEW_PORT": str(free_port()),
            "KONTAKT_IMPACT_ASSESSMENT": "KS 2026/123",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*KONTAKT, *arguments], env=self.environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def good_var(tmp_path_factory: pytest.TempPathFactory, nlu_model: Path) -> Path:
    var = tmp_path_factory.mktemp("good") / "var"
    make_keys(var / "keys")
    backup_keys.make(var / "keys", datetime.now(UTC))
    migrate(f"sqlite:///{var / 'kontakt.db'}")
    Database(f"sqlite:///{var / 'kontakt.db'}", load_keys(var / "keys")).close()
    (var / "nlu").mkdir()
    for path in nlu_model.parent.glob(f"{nlu_model.name}*"):
        (var / "nlu" / path.name).symlink_to(path)
    return var


@pytest.fixture
def place(tmp_path: Path, good_var: Path, taken_port: int) -> Place:
    """A whole installation of the test's own."""
    shutil.copytree(good_var, tmp_path / "var", symlinks=True)
    return Place(tmp_path, taken_port)


def _setting(text: str) -> Callable[[Place], None]:
    def write(place: Place) -> None:
        (place.directory / "kontakt.toml").write_text(text, encoding="utf-8")

    return write


def _variable(name: str, value: str) -> Callable[[Place], None]:
    def put(place: Place) -> None:
        place.environment[name] = value.format(taken=place.taken, directory=place.directory)

    return put


def _file(name: str, content: bytes) -> Callable[[Place], None]:
    """Another content, in a file that is written in place: its mode stays."""

    def write(place: Place) -> None:
        (place.var / name).write_bytes(content)

    return write


def _mode(name: str, mode: int) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        (place.var / name).chmod(mode)

    return change


def _removed(name: str) -> Callable[[Place], None]:
    def remove(place: Place) -> None:
        path = place.var / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def _other_keys(place: Place) -> None:
    shutil.rmtree(place.var / "keys")
    make_keys(place.var / "keys")


def _newer_database(place: Place) -> None:
    connection = sqlite3.connect(place.var / "kontakt.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


MAIL = "[notices]\nhost = 'localhost'\nsender = 'kontakt@example.com'\n"
Break = Callable[[Place], None]
REFUSALS: dict[str, tuple[Break, str, str]] = {
    "port of the web chat in use": (_variable("KONTAKT_WEB_PORT", "{taken}"), "port {taken}", "is in use"),
    "port of the review pages in use": (_variable("KONTAKT_REVIEW_PORT", "{taken}"), "port {taken}", "is in use"),
    "host that is none": (_variable("KONTAKT_HOST", "no.such.host.invalid"), "port", "cannot be opened"),
    "broken TOML": (_setting("web_port = "), "settings", "not valid TOML"),
    "unknown setting": (_setting("web_prt = 9000"), "settings", "there is no such setting"),
    "setting of a wrong type": (_setting("nlu_timeout = 'long'"), "settings", "nlu_timeout"),
    "settings file missing": (_variable("KONTAKT_CONFIG", "{directory}/other.toml"), "settings", "no such file"),
    "unknown municipality": (_setting("municipality = 'atlantis'"), "settings", "'atlantis' is not one of"),
    "unknown form": (_setting("[telegram]\nforms = ['lotteri']"), "settings", "no form named lotteri"),
    "mail to no address": (_setting(f"{MAIL}recipients = ['anna']"), "settings", "notices.recipients"),
    "password of the mail server missing": (
        _setting(f"{MAIL}recipients = ['a@example.com']\nusername = 'k'\npassword_file = '/nowhere/password'"),
        "mail server",
        "notices.password_file: /nowhere/password",
    ),
    "key file missing": (_removed("keys/encryption.keys"), "keys", "is missing: restore it"),
    "all key files missing": (_removed("keys"), "keys", "is missing: restore it"),
    "key file open to others": (_mode("keys/lookup.key", 0o640), "keys", "chmod 600"),
    "key directory open to others": (_mode("keys", 0o755), "keys", "chmod 700"),
    "damaged key file": (_file("keys/session.key", b"\xff\x00damaged"), "keys", "is damaged"),
    "damaged backup key": (_file("keys/backup.key", b"2026-03-02\n"), "backup key", "is damaged"),
    "keys of another database": (_other_keys, "database", "not those that"),
    "newer database": (_newer_database, "database", "newer (revision 9999)"),
    "no database in the file": (_file("kontakt.db", b"Not SQLite at all. " * 500), "database", "not a database"),
    "database open to others": (_mode("kontakt.db", 0o644), "database", "chmod 600"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_serve_refuses_in_one_line_and_changes_nothing(place: Place, name: str) -> None:
    damage, _, words = REFUSALS[name]
    damage(place)
    before = snapshot(place.var)
    done = place.run("serve")
    assert re.fullmatch(r"kontakt: [^\n]+\n", done.stderr)
    assert words in done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert snapshot(place.var) == before
    assert processes_of(place.var) == {}


@pytest.mark.parametrize("name", [name for name, (_, finding, _) in REFUSALS.items() if finding != "settings"])
def test_doctor_finds_it_and_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    damage, finding, words = REFUSALS[name]
    damage(place)
    before = snapshot(place.var)
    for variable, value in place.environment.items():
        monkeypatch.setenv(variable, value)
    problems = {found.name: found.problem for found in examine(load_settings()) if found.problem}
    named = next(problem for known, problem in problems.items() if known.startswith(finding.format(taken=place.taken)))
    assert words in named
    assert "\n" not in named
    assert snapshot(place.var) == before


@pytest.mark.parametrize("name", ["broken TOML", "unknown setting", "unknown municipality"])
def test_doctor_finds_settings_that_cannot_be_used(place: Place, name: str) -> None:
    damage, _, words = REFUSALS[name]
    damage(place)
    done = place.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(rf"^FAIL  settings: .*{re.escape(words)}", done.stdout, re.MULTILINE)


def test_doctor_names_everything_at_once(place: Place) -> None:
    for name in ("port of the web chat in use", "key file open to others", "newer database"):
        REFUSALS[name][0](place)
    _removed("nlu")(place)
    done = place.run("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    failed = re.findall(r"^FAIL  ([^:]+): ", done.stdout, re.MULTILINE)
    assert failed == ["NLU model", "keys", "database", f"port {place.taken}"]


def test_doctor_is_content_with_a_whole_installation(place: Place) -> None:
    before = snapshot(place.var)
    done = place.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert all(line.startswith("ok    ") for line in lines)
    assert snapshot(place.var) == before


def test_doctor_finds_a_damaged_model(place: Place, nlu_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = place.var / "nlu" / nlu_model.name
    model.unlink()
    model.write_bytes(nlu_model.read_bytes()[:-1])
    problems = {found.name: found.problem for found in examine(load_settings(var=place.var)) if found.problem}
    assert "is damaged" in str(problems["NLU model"])


@pytest.mark.parametrize("name", ["port of the web chat in use", "unknown municipality", "broken TOML"])
def test_a_refused_first_start_leaves_nothing_behind(place: Place, name: str) -> None:
    shutil.rmtree(place.var)
    REFUSALS[name][0](place)
    assert place.run("serve").returncode == 1
    assert not place.var.exists()


@pytest.mark.parametrize("command", ["serve", "migrate", "ask"])
def test_a_var_that_is_no_directory_is_one_line(place: Place, command: str) -> None:
    shutil.rmtree(place.var)
    place.var.write_text("a file", encoding="utf-8")
    done = place.run(command)
    assert re.fullmatch(rf"kontakt: {re.escape(str(place.var))}[^\n]*\n", done.stderr)
    assert done.returncode == 1
    assert place.var.read_text(encoding="utf-8") == "a file"


def test_a_missing_nlu_environment_is_one_line_that_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match=r"^nlu/rasa/\.venv is missing: run `make setup`.*Python 3\.10"):
        check_nlu_environment(tmp_path / "bin" / "python")
