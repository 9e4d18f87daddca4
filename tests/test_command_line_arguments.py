"""What may stand after a command. Every user of a machine sees the arguments of the commands that run on it, so what
is about somebody, and every secret, is asked for instead.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from running_kontakt import KONTAKT

from forms.form import Form
from forms.loader import form_to_snapshot
from kontakt import app
from storage import intake, submissions
from storage.database import Database, migrate
from storage.encryption import load_keys, make_keys

REASON = "Tvist om Vendela"

FILE = "the name of a file or directory"
REFERENCE = "a reference, which tells nothing without the database"
NAMED_IN_A_FILE = "an id from the project's own files"
NUMBER = "a number or a day"
HARMLESS = {
    "ask": {
        "text": "for a quick try; the help says who can see it",
        "municipality": NAMED_IN_A_FILE,
        "language": NAMED_IN_A_FILE,
    },
    "audit review": {
        "first": NUMBER,
        "last": NUMBER,
        "reviewer": "the username of a member of staff",
        "csv": FILE,
    },
    "backup": {"target": FILE},
    "chat": {"channel": NAMED_IN_A_FILE, "sender": "a made-up name", "municipality": NAMED_IN_A_FILE},
    "forms check": {"directory": FILE},
    "forms preview": {"form_id": NAMED_IN_A_FILE, "directory": FILE, "language": NAMED_IN_A_FILE},
    "keys retire": {"key_id": "the number of a key, not the key"},
    "migrate": {"grant_to": "the name of a database role"},
    "restore": {"file": FILE, "into": "an address of a database; with a password in it, it is refused"},
    "retention confirm": {"reference": REFERENCE},
    "retention hold": {"reference": REFERENCE},
    "retention plan": {"days": NUMBER},
    "retention protocol": {"first": NUMBER, "last": NUMBER},
    "retention release": {"reference": REFERENCE},
    "reviewers deactivate": {"username": "the username of a member of staff"},
    "reviewers reset": {"username": "the username of a member of staff"},
    "submissions export": {"reference": REFERENCE, "to": FILE},
    "submissions list": {
        "status": NAMED_IN_A_FILE,
        "municipality": NAMED_IN_A_FILE,
        "form_id": NAMED_IN_A_FILE,
        "limit": NUMBER,
    },
    "submissions show": {"reference": REFERENCE},
}
"""Command -> every argument and option of it that takes a value, and why it is about nobody."""


def commands_of(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command under this one (Typer's objects, as its own help reads them), with its name as it is typed."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, under in command.commands.items():
        yield from commands_of(under, f"{path} {name}".strip())


COMMANDS = dict(commands_of(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_no_argument_is_about_somebody(path: str) -> None:
    taken = {one.name for one in COMMANDS[path].params if not getattr(one, "is_flag", False)}
    assert taken - HARMLESS.get(path, {}).keys() == set()


def test_what_is_known_of_arguments_is_of_this_program() -> None:
    named = {path: {one.name for one in command.params} for path, command in COMMANDS.items()}
    assert [path for path in HARMLESS if not HARMLESS[path].keys() <= named.get(path, set())] == []


def test_the_help_says_who_can_see_a_text() -> None:
    text = next(one for one in COMMANDS["ask"].params if one.name == "text")
    assert "other users of this machine can see" in text.help


@pytest.fixture
def installation(tmp_path: Path, forms: dict[str, Form]) -> tuple[Path, str]:
    """The place of an installation with one submission, and its reference."""
    make_keys(tmp_path / "keys")
    url = f"sqlite:///{tmp_path / 'kontakt.db'}"
    migrate(url)
    reference, form = intake.make_reference(), forms["kontakta_mig"]
    new = intake.NewSubmission(
        reference=reference,
        draft_token="utkast" + reference,
        form_id=form.id,
        form_version=form.version,
        form_snapshot=form_to_snapshot(form),
        answers={"namn": "Vendela Provsson"},
        flags=(),
        municipality="sala",
        channel="web",
        language="sv",
    )
    with closing(Database(url, load_keys(tmp_path / "keys"))) as database, database.transaction() as session:
        intake.insert(session, new, actor="resident", at=datetime.now(UTC))
    return tmp_path, reference


def test_what_is_typed_is_in_no_process_list(installation: tuple[Path, str]) -> None:
    """At a terminal: the prompt comes, and while the reason is being typed every process is looked at."""
    place, reference = installation
    keyboard, terminal = os.openpty()
    environment = {"PATH": os.environ["PATH"], "KONTAKT_VAR": str(place)}
    command = [*KONTAKT, "retention", "hold", reference]
    with subprocess.Popen(command, env=environment, cwd=place, stdin=terminal, stderr=subprocess.PIPE) as process:
        assert process.stderr
        prompt = b"Why (kept as a note on the submission): "
        assert process.stderr.read(len(prompt)) == prompt
        os.write(keyboard, REASON.encode())
        seen = [*_of_every_process("cmdline"), *_of_every_process("environ")]
        os.write(keyboard, b"\n")
        assert (process.wait(timeout=60), process.stderr.read()) == (0, b"")
    os.close(keyboard)
    os.close(terminal)
    assert any(reference.encode() in one for one in seen)
    assert [one for one in seen if REASON.encode() in one] == []
    with closing(Database(f"sqlite:///{place / 'kontakt.db'}", load_keys(place / "keys"))) as database:
        found = submissions.open_submission(database, reference, actor="karin", at=datetime.now(UTC))
    assert found is not None and [note.text for note in found.notes] == [REASON]


def _of_every_process(what: str) -> Iterator[bytes]:
    for path in Path("/proc").glob(f"[0-9]*/{what}"):
        try:
            yield path.read_bytes()
        except OSError:
            continue
