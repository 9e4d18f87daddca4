"""While the database is away: an honest sentence with a telephone number, brochure answers, nothing half-written."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.dialogue import Dialogue
from bot.scene import Tools
from bot.turn import Response, Turn
from nlu.client import NluUnavailableError, Understanding
from storage import conversations
from storage.database import Database, DatabaseUnavailableError

SALA = "0224-74 70 00"


def away(text: str) -> Understanding:
    raise NluUnavailableError("not in this test")


@pytest.fixture
def dialogue(make_tools: Callable[..., Tools], database: Database) -> Dialogue:
    """Without the NLU process too: buttons and the danger phrases are enough here."""
    return Dialogue(make_tools(understand=away), database)


def turn(number: int, **message: object) -> Turn:
    return Turn("web", "resident", f"m{number}", municipality="sala", language="sv", **message)  # type: ignore[arg-type]


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
