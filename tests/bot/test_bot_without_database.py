"""While the database is away: an honest sentence with a telephone number, brochure answers, nothing half-written."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from canaries import Asked, Canaries, Walker
from sqlalchemy import event
from sqlalchemy.engine import Connection

from bot.dialogue import Dialogue
from bot.scene import Tools
from bot.turn import Response, Turn
from forms.form import Form, Question
from nlu.client import NluUnavailableError, Understanding
from storage import conversations, submissions
from storage.database import Database, DatabaseUnavailableError, migrate
from storage.encryption import load_keys, make_keys

SALA = "0224-74 70 00"


def away(text: str) -> Understanding:
    raise NluUnavailableError("not in this test")


@pytest.fixture
def dialogue(make_tools: Callable[..., Tools], database: Database) -> Dialogue:
    """Without the NLU process too: buttons and the danger phrases are enough here."""
    return Dialogue(make_tools(understand=away), database)


def turn(number: int, sender: str = "resident", **message: object) -> Turn:
    return Turn("web", sender, f"m{number}", municipality="sala", language="sv", **message)  # type: ignore[arg-type]


def said(response: Response) -> str:
    return "\n".join(reply.full_text for reply in response.replies)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else writes, for longer than anybody waits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_locked_gives_the_sentence_and_the_answer_and_then_all_is_well(
    dialogue: Dialogue, tmp_path: Path, database: Database
) -> None:
    opened = dialogue.respond(turn(1, choice="f:kontakta_mig"))
    no = next(choice.id for choice in opened.replies[-1].choices if choice.id.endswith(":nej"))
    before = conversations.find(database, "web", "resident")
    with locked(tmp_path / "kontakt.db"):
        form = dialogue.respond(turn(2, choice=no))
        assert "inte sparat" in said(form)
        assert SALA in said(form)
        assert form.draft is None
        answer = dialogue.respond(turn(3, choice="t:what_is:kontaktfamilj"))
        assert answer.account.kind == "answer"
        assert "inte sparat" in said(answer)
        crisis = dialogue.respond(turn(4, text="min man slår mig"))
        assert "112" in crisis.replies[0].text
        assert "inte sparat" in crisis.replies[-1].text
    assert conversations.find(database, "web", "resident") == before
    again = dialogue.respond(turn(2, choice=no))
    assert again.draft is not None
    assert again.draft.answered == 1


def test_replies_that_are_pushed_wait_in_the_inbox_instead(dialogue: Dialogue, tmp_path: Path) -> None:
    with locked(tmp_path / "kontakt.db"), pytest.raises(DatabaseUnavailableError):
        dialogue.respond(Turn("telegram", "resident", "m1", choice="c:help", reply_to="12"))


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_sentence_is_in_the_language_of_the_page(dialogue: Dialogue, tmp_path: Path, language: str) -> None:
    with locked(tmp_path / "kontakt.db"):
        response = dialogue.respond(Turn("web", "resident", "m1", choice="c:help", language=language))
    assert response.language == language
    assert response.replies[0].text.startswith(dialogue.tools.wordings[language]("out.database_away"))


def test_the_number_is_that_of_the_municipality_that_was_chosen(dialogue: Dialogue, tmp_path: Path) -> None:
    with locked(tmp_path / "kontakt.db"):
        response = dialogue.respond(Turn("web", "resident", "m1", choice="c:help", place="sala"))
    assert SALA in said(response)


@dataclass
class Disk:
    """The database's disk, which can be full: SQLite's own limit of pages, and nothing left below it."""

    path: Path
    full: bool = False

    def begin(self, connection: Connection) -> None:
        """What SQLite is told at the beginning of each transaction; 1 means: no more than there are."""
        connection.exec_driver_sql(f"PRAGMA max_page_count = {1 if self.full else 2**31 - 2}")

    def statement(self, connection: Connection, cursor: sqlite3.Cursor, statement: str, *_: object) -> None:
        """What a transaction frees is taken by others before it comes to the submission."""
        if self.full and statement.startswith("INSERT INTO submissions"):
            _take_all(cursor)

    def fill(self) -> None:
        """From now on there is no room."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA max_page_count = 1")
            _take_all(connection.cursor())
        self.full = True


def _take_all(cursor: sqlite3.Cursor) -> None:
    """Every page: also the last one, which a table that has to split a full page for a row has no use for."""
    for table, size in (("filler", 100_000), ("filler", 3_000), ("filler", 300), ("last_pages", 5_000)):
        with suppress(sqlite3.OperationalError):
            while True:
                cursor.execute(f"INSERT INTO {table} VALUES (zeroblob(?))", (size,))


@pytest.fixture
def disk(database: Database, tmp_path: Path) -> Disk:
    found = Disk(tmp_path / "kontakt.db")
    with closing(sqlite3.connect(found.path)) as connection:
        connection.execute("CREATE TABLE filler (content BLOB)")
        connection.execute("CREATE TABLE last_pages (content BLOB)")
    with database.reading() as session:
        engine = session.get_bind()
    event.listen(engine, "begin", found.begin)
    event.listen(engine, "before_cursor_execute", found.statement)
    return found


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def no_id(response: Response) -> str:
    """The id of the answer no to the first question."""
    return next(choice.id for choice in response.replies[-1].choices if choice.id.endswith(":nej"))


def refused(dialogue: Dialogue, **message: object) -> tuple[str, Response]:
    """The first newcomer with this message for whom there is no room, and what they are told."""
    for number in range(60):
        sender = f"newcomer {number} {message}"
        response = dialogue.respond(turn(1, sender=sender, **message))
        if "inte sparat" in said(response):
            return sender, response
    raise AssertionError("there was always room")


def test_full_gives_the_sentence_and_goes_on_without_a_restart(
    dialogue: Dialogue, tmp_path: Path, database: Database, disk: Disk
) -> None:
    no = no_id(dialogue.respond(turn(1, choice="f:kontakta_mig")))
    draft = dialogue.respond(turn(2, choice=no)).draft
    before = conversations.find(database, "web", "resident")
    disk.fill()
    sender, form = refused(dialogue, choice="f:kontakta_mig")
    stored = rows(disk.path)
    assert dialogue.respond(turn(1, sender=sender, choice="f:kontakta_mig")) == form
    assert SALA in said(form)
    assert form.draft is None
    assert rows(disk.path) == stored
    _, answer = refused(dialogue, choice="t:what_is:kontaktfamilj")
    assert answer.account.kind == "answer"
    assert "112" in refused(dialogue, text="min man slår mig")[1].replies[0].text
    assert conversations.find(database, "web", "resident") == before
    disk.full = False
    again = dialogue.respond(turn(1, sender=sender, choice="f:kontakta_mig"))
    assert "inte sparat" not in said(again)
    assert again.draft is not None
    assert dialogue.respond(turn(2, choice=no)).draft == draft
    with closing(sqlite3.connect(disk.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


class LongWinded(Walker):
    """Writes so much where one may that it does not fit on a page."""

    def _typed(self, form: Form, question: Question, way: int) -> str:
        typed = super()._typed(form, question, way)
        return typed + " och mer därtill" * 230 if question.type == "long_text" else typed


def test_a_submission_that_finds_the_disk_full_gets_no_receipt_and_comes_through_later(
    dialogue: Dialogue, database: Database, disk: Disk
) -> None:
    numbers = count(1000)

    def on_screen(**message: object) -> Asked:
        response = dialogue.respond(turn(next(numbers), **message))
        buttons = {choice.id: choice.label for reply in response.replies for choice in reply.choices}
        sent = response.submission.reference if response.submission else None
        return Asked(response.draft.slot if response.draft else None, buttons, sent)

    form = dialogue.tools.forms["intresseanmalan"]
    asked = LongWinded(Canaries()).fill(
        form, 0, lambda text: on_screen(text=text), lambda id: on_screen(choice=id), send=False
    )
    submit = next(id for id in asked.buttons if id.split(":")[2:3] == ["submit"])
    before = conversations.find(database, "web", "resident")
    disk.fill()
    sent = dialogue.respond(turn(50, choice=submit))
    assert sent.submission is None
    assert "inte sparat" in said(sent)
    assert submissions.listing(database) == []
    assert conversations.find(database, "web", "resident") == before
    disk.full = False
    sent = dialogue.respond(turn(50, choice=submit))
    assert sent.submission is not None
    assert [row.reference for row in submissions.listing(database)] == [sent.submission.reference]


def moved_away(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))


def moved_back(directory: Path) -> None:
    directory.with_name("elsewhere").rename(directory)


def file_away(directory: Path) -> None:
    """As when a disk is unmounted, or somebody has cleaned up: only the file is gone, the directory is there."""
    for path in list(directory.glob("kontakt.db*")):
        path.rename(directory / f"away-{path.name}")


def file_back(directory: Path) -> None:
    for path in list(directory.glob("away-kontakt.db*")):
        path.rename(directory / path.name.removeprefix("away-"))


GONE = {"directory": (moved_away, moved_back), "file": (file_away, file_back)}


@pytest.mark.parametrize("what", GONE)
def test_gone_gives_the_sentence_and_what_comes_back_is_used_again(
    tmp_path: Path, make_tools: Callable[..., Tools], what: str
) -> None:
    """The one that would have been written to in the meantime, without a name, must not be: it would be lost."""
    away_with, back_with = GONE[what]
    place = tmp_path / "place"
    place.mkdir()
    make_keys(tmp_path / "keys2")
    url = f"sqlite:///{place / 'kontakt.db'}"
    migrate(url)
    database = Database(url, load_keys(tmp_path / "keys2"))
    tools = make_tools(
        understand=away,
        status_of=partial(submissions.status_of, database),
        receipt_for=partial(submissions.reference_for_draft, database),
    )
    dialogue = Dialogue(tools, database)
    no = no_id(dialogue.respond(turn(1, choice="f:kontakta_mig")))
    before = conversations.find(database, "web", "resident")
    away_with(place)
    form = dialogue.respond(turn(2, choice=no))
    assert "inte sparat" in said(form)
    assert SALA in said(form)
    answer = dialogue.respond(turn(3, choice="t:what_is:kontaktfamilj"))
    assert answer.account.kind == "answer"
    assert "112" in dialogue.respond(turn(4, text="min man slår mig")).replies[0].text
    assert not (place / "kontakt.db").exists(), "an empty database would stand in the way of the real one"
    back_with(place)
    assert conversations.find(database, "web", "resident") == before
    again = dialogue.respond(turn(2, choice=no))
    assert again.draft is not None
    assert again.draft.answered == 1
    database.close()


def test_another_file_in_its_place_is_left_alone_until_the_next_start(
    tmp_path: Path, make_tools: Callable[..., Tools]
) -> None:
    """As when a backup is put back under a running service: nothing more goes into the old file, nor into the new."""
    make_keys(tmp_path / "keys3")
    keyring = load_keys(tmp_path / "keys3")
    for name in ("one", "two"):
        migrate(f"sqlite:///{tmp_path / name / 'kontakt.db'}")
        Database(f"sqlite:///{tmp_path / name / 'kontakt.db'}", keyring).close()
    url = f"sqlite:///{tmp_path / 'one' / 'kontakt.db'}"
    database = Database(url, keyring)
    dialogue = Dialogue(make_tools(understand=away), database)
    dialogue.respond(turn(1, choice="f:kontakta_mig"))
    (tmp_path / "one").rename(tmp_path / "old")
    (tmp_path / "two").rename(tmp_path / "one")
    stored = [rows(tmp_path / name / "kontakt.db") for name in ("old", "one")]
    assert "inte sparat" in said(dialogue.respond(turn(2, choice="f:kontakta_mig")))
    with pytest.raises(DatabaseUnavailableError, match="start Kontakt again"):
        conversations.find(database, "web", "resident")
    assert [rows(tmp_path / name / "kontakt.db") for name in ("old", "one")] == stored
    database.close()
    started_again = Database(url, keyring)
    assert conversations.find(started_again, "web", "resident").version == 0
    started_again.close()
